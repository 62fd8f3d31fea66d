import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';

/** What a browser answered to a registration, out of its JSON; null when it is something else. */
export function readRegistration(json: unknown): RegistrationResponseJSON | null {
  const value = parsed(json);
  return isCredential(value, ['clientDataJSON', 'attestationObject']) && isRegistration(value) ? value : null;
}

/** What a browser answered to an authentication, out of its JSON; null when it is something else. */
export function readAuthentication(json: unknown): AuthenticationResponseJSON | null {
  const value = parsed(json);
  const members = ['clientDataJSON', 'authenticatorData', 'signature'];
  return isCredential(value, members) && isAuthentication(value) ? value : null;
}

/** Forms carry it as text, JSON bodies as it is. */
function parsed(json: unknown): unknown {
  if (typeof json !== 'string') return json;
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function isCredential(value: unknown, members: readonly string[]): value is { id: string; response: object } {
  if (!isObject(value) || !('id' in value) || typeof value.id !== 'string' || value.id.length > 1400) return false;
  if (!('rawId' in value) || value.rawId !== value.id || !('type' in value) || value.type !== 'public-key')
    return false;
  const response = 'response' in value ? value.response : null;
  return (
    isObject(response) &&
    members.every((name) => typeof Object.getOwnPropertyDescriptor(response, name)?.value === 'string')
  );
}

// `isCredential` has looked at every member that is read.
function isRegistration(value: { response: object }): value is RegistrationResponseJSON {
  return 'attestationObject' in value.response;
}

function isAuthentication(value: { response: object }): value is AuthenticationResponseJSON {
  return 'signature' in value.response;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
