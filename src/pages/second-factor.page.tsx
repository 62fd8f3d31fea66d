import type { VNode } from 'preact';
import type { WaitingSignIn } from '../auth/second-factor-step.service.js';
import { Document } from '../common/html-document.js';
import { appendQuery, oauthPairs } from '../common/oauth-redirects.js';
import type { OAuthParameters } from '../common/errors.js';
import type { Config } from '../config/config.js';
import { Alert, Field, Moment } from './parts.js';
import { PasskeyForm } from './passkey-form.js';

const ACTION = '/api/auth/mfa';

/** What the page shows. */
export interface SecondFactorPageProps {
  config: Config;
  token: string;
  waiting: WaitingSignIn;
  /** The last answer was wrong. */
  isWrong: boolean;
  /** Somebody said that every factor is lost. */
  isRecoveryRequested: boolean;
}

/** Asks for the second factor: passkey, app, backup code, and the long way round, in this order. */
export function SecondFactorPage(props: SecondFactorPageProps): VNode {
  const { config, token, waiting, isWrong, isRecoveryRequested } = props;
  const { challenges, passkeyOptions, canRecover, recoveryDueAt } = waiting;
  return (
    <Document title="Second factor" config={config}>
      <section class="card">
        <h1>One more step</h1>
        <p class="lead">Your password is right. This account also asks for a second factor.</p>
        {isWrong && (
          <Alert>
            <p>That was not right. Codes of an app change every 30 seconds, and each works once.</p>
          </Alert>
        )}
        {isRecoveryRequested && recoveryDueAt === null && (
          <output class="notice done">We have sent you a mail. Nothing changes before you use the link in it.</output>
        )}
        {passkeyOptions && (
          <PasskeyForm action={ACTION} ceremony="get" options={passkeyOptions} button="Use a passkey" isPart>
            <input type="hidden" name="mfa_token" value={token} />
            <input type="hidden" name="challenge_type" value="webauthn" />
          </PasskeyForm>
        )}
        {passkeyOptions && (
          <noscript>
            <p>A passkey can only be used with JavaScript.</p>
          </noscript>
        )}
        {challenges.includes('totp') && (
          <form method="post" action={ACTION} class="part">
            <input type="hidden" name="mfa_token" value={token} />
            <input type="hidden" name="challenge_type" value="totp" />
            <Field name="code" id="totp" label="Code of your authenticator app" autocomplete="one-time-code" />
            <button type="submit">Go on</button>
          </form>
        )}
        <details class="part">
          <summary>Use a backup code</summary>
          <form method="post" action={ACTION}>
            <input type="hidden" name="mfa_token" value={token} />
            <input type="hidden" name="challenge_type" value="recovery" />
            <Field name="code" id="recovery" label="Backup code" autocomplete="off" hint="Each works once." />
            <button type="submit">Go on with this code</button>
          </form>
        </details>
        {recoveryDueAt && <RecoveryUnderWay dueAt={recoveryDueAt} />}
        {canRecover && recoveryDueAt === null && <Recovery config={config} token={token} />}
      </section>
    </Document>
  );
}

function RecoveryUnderWay({ dueAt }: { dueAt: Date }): VNode {
  return (
    <p class="part">
      The second factors are taken away on <Moment at={dueAt} />, unless somebody objects. Showing one of them now also
      stops that.
    </p>
  );
}

function Recovery({ config, token }: { config: Config; token: string }): VNode {
  const hours = Math.round(config.mfa.recovery_delay / 3600);
  return (
    <details class="part">
      <summary>I have lost all of these</summary>
      <p>
        {`Then we send you a mail, and after ${hours > 0 ? `${hours} hours` : 'a while'} of waiting the second factors are taken away. `}
        Whoever still has one of them, or is signed in anywhere, can stop that.
      </p>
      <form method="post" action="/api/auth/mfa/recovery">
        <input type="hidden" name="mfa_token" value={token} />
        <button type="submit" class="quiet">
          Send me that mail
        </button>
      </form>
    </details>
  );
}

/** The sign-in is over: too late, too many answers, or another browser. */
export function SignInOverPage({ config, parameters }: { config: Config; parameters: OAuthParameters }): VNode {
  const path =
    parameters.client_id === undefined
      ? config.frontend.routes.home
      : appendQuery(config.frontend.routes.login, oauthPairs(parameters));
  return (
    <Document title="Please sign in again" config={config}>
      <section class="card">
        <h1>Please sign in again</h1>
        <p class="lead">This sign-in has ended, or was begun in another browser.</p>
        <p class="actions">
          <a class="button" href={path}>
            Sign in
          </a>
        </p>
      </section>
    </Document>
  );
}
