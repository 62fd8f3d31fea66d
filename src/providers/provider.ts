import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';

/** A provider as frontends see it (contract.md §3.8). */
export interface ProviderSummary {
  id: string;
  name: string;
  icon: string;
}

/** The configured provider of that id, compared as a string, or null. */
export function findProvider({ sso }: Config, id: string | undefined): SsoProviderConfig | null {
  return sso.providers.find((provider) => provider.id === id) ?? null;
}

/** The configured provider behind an issuer, or null. */
export function providerOf({ sso }: Config, issuer: string): SsoProviderConfig | null {
  return sso.providers.find((provider) => isSameIssuer(provider.issuer, issuer)) ?? null;
}

/** Whether two spellings mean one issuer: a missing slash after the host is the only liberty taken. */
export function isSameIssuer(a: string, b: string): boolean {
  return a === b || URL.parse(a)?.href === URL.parse(b)?.href;
}

/** Whether what is sent as an issuer could be the id of one. */
export function looksLikeProviderId(id: string): boolean {
  return /^[a-z0-9_-]{1,64}$/.test(id);
}

/** What is told of a provider; `icon` is always there (contract.md §3.8). */
export function describeProvider(config: Config, { id, name, icon }: SsoProviderConfig): ProviderSummary {
  return { id, name, icon: icon ?? config.url('/assets/provider.svg') };
}

/** The exact redirect URI to register at a provider (contract.md §3.6). */
export function callbackUrl(config: Config, { id }: SsoProviderConfig): string {
  return config.url(`/oauth/sso/${id}/callback`);
}

/** Where a provider sends a browser back that has signed out there (RP-Initiated Logout 1.0 §2). */
export function postLogoutUrl(config: Config): string {
  return config.url(config.frontend.routes.home);
}

/** Where a provider tells that a session has ended (Back-Channel Logout 1.0 §2.2). */
export function backChannelLogoutUrl(config: Config, { id }: SsoProviderConfig): string {
  return config.url(`/oauth/sso/${id}/backchannel-logout`);
}

/** Whether people whom nobody here knows may get an account by this provider (contract.md §1). */
export function admitsStrangers({ registrations }: Config, provider: SsoProviderConfig): boolean {
  return provider.registrations ?? registrations.enabled;
}
