import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import { Alert, Field, Foreign } from './parts.js';

/** Asks whom to send a link to; `isLate` when one was opened that works no longer. */
export function ForgottenPage({ config, isLate }: { config: Config; isLate: boolean }): VNode {
  return (
    <Document title="Forgotten password" config={config}>
      <section class="card">
        <h1>Choose a new password</h1>
        {isLate && (
          <Alert>
            <p>This link is no longer valid. Each works once, for an hour, and only the newest does.</p>
          </Alert>
        )}
        <p class="lead">We send a link to the address of your account.</p>
        <form method="post" action={config.frontend.routes.password_reset}>
          <Field name="identifier" label="User name or e-mail address" autocomplete="username" />
          <button type="submit">Send me a link</button>
        </form>
        <p class="aside">
          No address on file? Ask the people who run {config.domain}
          {config.instance.email !== null && `, at ${config.instance.email}`}.
        </p>
      </section>
    </Document>
  );
}

/** The same for everybody, so that it tells nobody who has an account here. */
export function MailIsOnItsWayPage({ config }: { config: Config }): VNode {
  return (
    <Document title="Look into your mail" config={config}>
      <section class="card">
        <h1>Look into your mail</h1>
        <p class="lead">
          If there is such an account with an address we can write to, a link is on its way. It works for an hour.
        </p>
        <p>
          <a href={config.frontend.routes.home}>Back to the start</a>
        </p>
        <p class="aside">
          No mail after some minutes? Look among the spam, or{' '}
          <a href={config.frontend.routes.password_reset}>ask again</a>.
        </p>
      </section>
    </Document>
  );
}

/** What the form of a new password shows. */
export interface NewPasswordPageProps {
  config: Config;
  token: string;
  /** Why the last try was not taken, from the URL. */
  problem: string | null;
  /** The person came from signing in: staff asks for a new password. */
  isDemanded: boolean;
}

/** The form of a new password. */
export function NewPasswordPage({ config, token, problem, isDemanded }: NewPasswordPageProps): VNode {
  return (
    <Document title="New password" config={config}>
      <section class="card">
        <h1>Choose a new password</h1>
        {problem !== null && (
          <Alert>
            <Foreign>{problem}</Foreign>
          </Alert>
        )}
        <p class="lead">
          {isDemanded
            ? 'This account needs a new password before it can be used again.'
            : 'When you set it, everybody is signed out of this account.'}
        </p>
        <form method="post" action="/api/auth/reset">
          <input type="hidden" name="token" value={token} />
          <Field
            name="password"
            label="New password"
            type="password"
            autocomplete="new-password"
            hint={`At least ${config.accounts.password_min} characters.`}
          />
          <Field name="password_confirmation" label="New password again" type="password" autocomplete="new-password" />
          <button type="submit">Set the password</button>
        </form>
      </section>
    </Document>
  );
}

/** After it was set. */
export function PasswordIsSetPage({ config }: { config: Config }): VNode {
  return (
    <Document title="Password set" config={config}>
      <section class="card">
        <h1>Your password is set</h1>
        <p class="lead">Everybody was signed out. Go back to your app, or to your settings, and sign in with it.</p>
        <p class="actions">
          <a class="button" href="/settings">
            Sign in to your settings
          </a>
        </p>
      </section>
    </Document>
  );
}
