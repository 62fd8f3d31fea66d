import type { VNode } from 'preact';
import type { Detail, OAuthParameters } from '../common/errors.js';
import { Document } from '../common/html-document.js';
import { appendQuery, oauthPairs } from '../common/oauth-redirects.js';
import type { Config } from '../config/config.js';
import type { RegistrationBody } from '../registration/registration.dto.js';
import type { IssuedCaptcha } from '../registration/captchas.service.js';
import { CaptchaField } from './captcha-field.js';
import { Agreement, Reason } from './agreement.js';
import { Alert, Field } from './parts.js';

/** What the registration page shows. */
export interface RegisterPageProps {
  config: Config;
  /** Of the sign-in that the person came from, to go back to; none when they came by themselves. */
  parameters: OAuthParameters;
  /** What was typed; the password is never shown again. */
  typed: RegistrationBody;
  problems: readonly Detail[];
  /** A fresh one each time; null where none is asked for. */
  captcha: IssuedCaptcha | null;
}

const LABELS: Record<string, string> = {
  username: 'User name',
  email: 'E-mail address',
  password: 'Password',
  reason: 'Reason',
  agreement: 'The agreement',
};

/** The registration form; it keeps what was typed and names every problem beside its field. */
export function RegisterPage({ config, parameters, typed, problems, captcha }: RegisterPageProps): VNode {
  const { registrations, accounts, instance, frontend } = config;
  const pairs = oauthPairs(parameters);
  const needsEmail = registrations.email_required || config.confirmsEmail;
  const problemOf = (field: string) => {
    const found = problems.find((problem) => problem.field === field);
    return found && `${LABELS[field] ?? field} ${found.description}.`;
  };
  return (
    <Document title="Create an account" config={config}>
      <section class="card">
        <h1>Create an account</h1>
        <p class="lead">{registrations.message ?? `It will be yours on ${config.domain}.`}</p>
        {problems.length > 0 && (
          <Alert>
            <p>That did not work yet. Please look at what is marked below.</p>
          </Alert>
        )}
        <form method="post" action={appendQuery(frontend.routes.register, pairs)}>
          <Field
            name="username"
            label="User name"
            autocomplete="username"
            value={typed.username ?? ''}
            hint="3 to 30 letters, digits and underscores. It cannot be changed."
            problem={problemOf('username')}
          />
          <Field
            name="email"
            label={needsEmail ? 'E-mail address' : 'E-mail address (if you like)'}
            type="email"
            autocomplete="email"
            value={typed.email ?? ''}
            problem={problemOf('email')}
            required={needsEmail}
          />
          <Field
            name="password"
            label="Password"
            type="password"
            autocomplete="new-password"
            hint={`At least ${accounts.password_min} characters.`}
            problem={problemOf('password')}
          />
          {registrations.approval && <Reason value={typed.reason ?? ''} problem={problemOf('reason')} />}
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
          {captcha && <CaptchaField captcha={captcha} problem={problems.find(({ field }) => field === 'captcha')} />}
          <Agreement isGiven={typed.agreement === true} problem={problemOf('agreement')} />
          <button type="submit">Create the account</button>
        </form>
        <p class="aside">
          Have one already? <a href={signInPath(config, parameters)}>Sign in</a>
        </p>
      </section>
    </Document>
  );
}

/** What a new person is told. */
export interface RegisteredPageProps {
  config: Config;
  username: string;
  /** Where the link went that comes first; null when none did. */
  confirmsAt: string | null;
  parameters: OAuthParameters;
}

/** After the registration: on to signing in, to one's mail, or to waiting. */
export function RegisteredPage({ config, username, confirmsAt, parameters }: RegisteredPageProps): VNode {
  const mayEnter = confirmsAt === null && !config.registrations.approval;
  return (
    <Document title="Welcome" config={config}>
      <section class="card">
        <h1>{`Welcome, @${username}`}</h1>
        <p class="lead">{nextStep(config, confirmsAt)}</p>
        <p class="actions">
          <a class={mayEnter ? 'button' : 'button quiet'} href={signInPath(config, parameters)}>
            Sign in
          </a>
        </p>
        {confirmsAt !== null && (
          <p class="aside">No mail after some minutes? Look among the spam. When you sign in, we send it again.</p>
        )}
      </section>
    </Document>
  );
}

function nextStep({ registrations }: Config, confirmsAt: string | null): string {
  if (confirmsAt !== null) {
    const then = registrations.approval
      ? 'then somebody of this instance looks at your registration'
      : 'then you can sign in';
    return `We have sent a link to ${confirmsAt}. Open it to confirm that the address is yours; ${then}.`;
  }
  return registrations.approval
    ? 'Your account is made, and waits for somebody of this instance to approve it. Then you can sign in.'
    : 'Your account is ready.';
}

/** Back to the sign-in that led here, or to the settings, which start one. */
function signInPath({ frontend }: Config, parameters: OAuthParameters): string {
  return parameters.client_id === undefined ? '/settings' : appendQuery(frontend.routes.login, oauthPairs(parameters));
}
