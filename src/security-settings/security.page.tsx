import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import type { MfaState } from '../mfa/mfa.service.js';
import { PasskeyForm } from '../pages/passkey-form.js';
import { Field, Foreign, Moment } from '../pages/parts.js';
import type { Passkey } from '../passkeys/passkey.entity.js';
import { NoPassword, SettingsFrame } from '../settings/settings-frame.js';
import { Part } from './part.js';
import { ProvidersPart } from './providers.part.js';
import type { SecurityProblem } from './security-screen.service.js';

/** Where the forms of this screen are sent. */
export const SECURITY_PATH = '/settings/security';

/** What the screen shows. */
export interface SecurityPageProps {
  config: Config;
  username: string;
  state: MfaState;
  codesLeft: number;
  passkeys: readonly Passkey[];
  /** When the factors will be taken away, because somebody says that they are lost. */
  recoveryDueAt: Date | null;
  /** What a browser needs to make a passkey; null where passkeys cannot work. */
  passkeyOptions: object | null;
  /** The providers that sign this person in. */
  linked: readonly SsoProviderConfig[];
  /** What most changes ask for. */
  hasPassword: boolean;
  problem: SecurityProblem | null;
}

/** The screen of second factors: what is on, and how to add, renew and remove it. */
export function SecurityPage(props: SecurityPageProps): VNode {
  const { config, username, state, recoveryDueAt, hasPassword, problem } = props;
  const sentenceOf = (where: SecurityProblem['where']) => (problem?.where === where ? problem.sentence : undefined);
  return (
    <SettingsFrame config={config} username={username} screen="Security">
      {recoveryDueAt && <RecoveryNotice dueAt={recoveryDueAt} />}
      <p class="part">{summary(state.enabled, hasPassword)}</p>
      {!hasPassword && <NoPassword config={config} />}
      {hasPassword && <TotpPart {...props} sentence={sentenceOf('totp')} />}
      <PasskeysPart {...props} sentence={sentenceOf('passkey')} />
      {hasPassword && <CodesPart {...props} sentence={sentenceOf('codes')} />}
      <ProvidersPart {...props} sentence={sentenceOf('providers')} />
    </SettingsFrame>
  );
}

function summary(hasFactor: boolean, hasPassword: boolean): string {
  if (!hasPassword) {
    return hasFactor
      ? 'Signing in with a provider asks for a second factor here, too.'
      : 'You sign in with a provider. A second factor here keeps out whoever gets into your account there.';
  }
  return hasFactor
    ? 'Signing in asks for your password and a second factor.'
    : 'Signing in asks for your password only. A second factor keeps out whoever finds it out.';
}

function RecoveryNotice({ dueAt }: { dueAt: Date }): VNode {
  return (
    <div class="notice problem" role="alert">
      <p>
        Somebody who knows your password says that your second factors are lost. They are taken away on{' '}
        <Moment at={dueAt} />, unless you object.
      </p>
      <form method="post" action={`${SECURITY_PATH}/recovery/stop`}>
        <button type="submit" class="danger">
          Stop that: I still have them
        </button>
      </form>
    </div>
  );
}

type PartProps = SecurityPageProps & { sentence: string | undefined };

function TotpPart({ state, sentence }: PartProps): VNode {
  return (
    <Part id="totp" title="Authenticator app" sentence={sentence}>
      <p>{state.totp ? 'It is on.' : 'An app on your phone shows a code that changes every 30 seconds.'}</p>
      <form method="post" action={`${SECURITY_PATH}/totp`}>
        <button type="submit" class={state.totp ? 'quiet' : ''}>
          {state.totp ? 'Set up another app in its place' : 'Set it up'}
        </button>
      </form>
      {state.totp && (
        <details open={sentence !== undefined}>
          <summary>Turn it off</summary>
          <form method="post" action={`${SECURITY_PATH}/totp/remove#totp`}>
            <Password id="totp-password" label="Password" hint="Your backup codes go with it." />
            <button type="submit" class="danger">
              Turn the app off
            </button>
          </form>
        </details>
      )}
    </Part>
  );
}

function PasskeysPart({ passkeys, passkeyOptions, hasPassword, sentence }: PartProps): VNode {
  return (
    <Part id="passkeys" title="Passkeys and security keys" sentence={sentence}>
      <p>A passkey signs you in without a password, or is the second factor beside it.</p>
      {passkeys.length > 0 && (
        <ul class="passkeys">
          {passkeys.map((passkey) => (
            <PasskeyItem key={passkey.id} passkey={passkey} hasPassword={hasPassword} />
          ))}
        </ul>
      )}
      {passkeyOptions ? (
        <PasskeyForm
          action={`${SECURITY_PATH}/passkeys#passkeys`}
          ceremony="create"
          options={passkeyOptions}
          button="Add a passkey"
        >
          <Field name="name" id="passkey-name" label="Its name" autocomplete="off" required={false} />
          {hasPassword && <Password id="passkey-password" label="Password" />}
        </PasskeyForm>
      ) : (
        <p>They work only where this instance is reached by name and https.</p>
      )}
    </Part>
  );
}

function PasskeyItem({
  passkey: { id, name, createdAt, lastUsedAt },
  hasPassword,
}: {
  passkey: Passkey;
  hasPassword: boolean;
}): VNode {
  return (
    <li>
      <h3>
        <Foreign>{name}</Foreign>
      </h3>
      <dl class="facts">
        <div>
          <dt>Added</dt>
          <dd>
            <Moment at={createdAt} />
          </dd>
        </div>
        <div>
          <dt>Last used</dt>
          <dd>{lastUsedAt === null ? 'never' : <Moment at={lastUsedAt} />}</dd>
        </div>
      </dl>
      <details>
        <summary>Rename or remove</summary>
        <form method="post" action={`${SECURITY_PATH}/passkeys/${id}/rename#passkeys`}>
          <Field name="name" id={`name-${id}`} label="Name" autocomplete="off" value={name} />
          <button type="submit" class="quiet small">
            Rename
          </button>
        </form>
        <form method="post" action={`${SECURITY_PATH}/passkeys/${id}/remove#passkeys`}>
          {hasPassword && <Password id={`password-${id}`} label="Password" />}
          <button type="submit" class="danger small">
            Remove
          </button>
        </form>
      </details>
    </li>
  );
}

function CodesPart({ state, codesLeft, sentence }: PartProps): VNode {
  const left = codesLeft === 1 ? 'One is left.' : `${codesLeft} are left.`;
  return (
    <Part id="codes" title="Backup codes" sentence={sentence}>
      <p>
        {'For the day when the phone is lost: each works once in place of a second factor. '}
        {codesLeft === 0 ? 'You have none.' : left}
        {!state.enabled && ' They count as soon as a second factor is on.'}
      </p>
      <form method="post" action={`${SECURITY_PATH}/codes#codes`}>
        <Password id="codes-password" label="Password" />
        <button type="submit" class={codesLeft === 0 ? '' : 'quiet'}>
          {codesLeft === 0 ? 'Make codes' : 'Make new ones, and void these'}
        </button>
      </form>
    </Part>
  );
}

function Password({ id, label, hint }: { id: string; label: string; hint?: string }): VNode {
  return (
    <Field
      id={id}
      name="password"
      label={label}
      type="password"
      autocomplete="current-password"
      {...(hint !== undefined && { hint })}
    />
  );
}
