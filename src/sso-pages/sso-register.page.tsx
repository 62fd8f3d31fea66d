import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import { Agreement, Reason } from '../pages/agreement.js';
import { Alert, Field, Foreign } from '../pages/parts.js';
import type { WaitingRegistration } from '../sso-registration/sso-registration.service.js';

/** What the page shows. */
export interface SsoRegisterPageProps {
  config: Config;
  token: string;
  waiting: WaitingRegistration;
  /** What the provider suggests, or what was typed last. */
  username: string;
  email: string;
  /** Why what was sent was not done; anybody can have written it. */
  sentence: string | null;
}

const ACTION = '/api/auth/sso/register';

/** Somebody new: a name for them, or the account that they have here already. */
export function SsoRegisterPage(props: SsoRegisterPageProps): VNode {
  const { config, token, waiting, sentence } = props;
  const { name } = waiting.provider;
  return (
    <Document title="Welcome" config={config}>
      <section class="card">
        <h1>Welcome</h1>
        <p class="lead">
          {`${name} says who you are, and you are new at ${config.domain}. Choose the name that others will know you by.`}
        </p>
        {sentence !== null && (
          <Alert>
            <p>
              <Foreign>{sentence}</Foreign>
            </p>
          </Alert>
        )}
        <RegisterForm {...props} />
        <details>
          <summary>I have an account here already</summary>
          <p>{`Show that it is yours, and ${name} signs you in to it from now on.`}</p>
          <form method="post" action={ACTION}>
            <input type="hidden" name="registration_token" value={token} />
            <Field name="identifier" label="User name or e-mail address" autocomplete="username" />
            <Field name="password" label="Password" type="password" autocomplete="current-password" />
            <Field
              name="code"
              label="Code of your second factor"
              autocomplete="one-time-code"
              hint="Only if your account asks for one; a backup code will do."
              required={false}
            />
            <button type="submit" name="decision" value="link" class="quiet">
              Link this account
            </button>
          </form>
        </details>
        <form class="aside" method="post" action={ACTION}>
          <input type="hidden" name="registration_token" value={token} />
          <button type="submit" name="decision" value="cancel" class="quiet small">
            Cancel
          </button>
        </form>
      </section>
    </Document>
  );
}

function RegisterForm({ config, token, waiting, username, email }: SsoRegisterPageProps): VNode {
  const { registrations, instance } = config;
  const needsEmail = registrations.email_required || config.confirmsEmail;
  const { name } = waiting.provider;
  return (
    <form method="post" action={ACTION}>
      <input type="hidden" name="registration_token" value={token} />
      <Field
        name="username"
        label="User name"
        autocomplete="username"
        value={username}
        hint="3 to 30 letters, digits and underscores. It cannot be changed."
      />
      <Field
        name="email"
        label={needsEmail ? 'E-mail address' : 'E-mail address (if you like)'}
        type="email"
        autocomplete="email"
        value={email}
        required={needsEmail}
        {...(waiting.email !== null && {
          hint: `${name} has verified ${waiting.email}; another one must be confirmed.`,
        })}
      />
      {registrations.approval && <Reason value="" problem={undefined} />}
      {instance.rules.length > 0 && (
        <>
          <h2>The rules</h2>
          <ol>
            {instance.rules.map((rule) => (
              <li key={rule}>{rule}</li>
            ))}
          </ol>
        </>
      )}
      <Agreement isGiven={false} problem={undefined} />
      <button type="submit">Create my account</button>
    </form>
  );
}
