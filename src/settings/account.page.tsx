import type { ComponentChildren, VNode } from 'preact';
import type { Backup } from '../backups/backup.entity.js';
import type { Config } from '../config/config.js';
import { Alert, Field, Moment } from '../pages/parts.js';
import type { AccountForm, Problem } from './account-screen.service.js';
import { graceWords, SettingsFrame } from './settings-frame.js';
import type { Done } from './settings.dto.js';

/** What the account screen shows. */
export interface AccountPageProps {
  config: Config;
  username: string;
  email: string | null;
  /** What every form but that of the archives asks for. */
  hasPassword: boolean;
  /** The address that waits to be confirmed. */
  pending: { address: string; expiresAt: Date } | null;
  backups: readonly Backup[];
  done: Done | null;
  problem: Problem | null;
}

/** What was done, and beside which form it is told: a browser goes back to where the form was sent from. */
const NEWS: Record<Done, { form: AccountForm; words: string }> = {
  password: { form: 'password', words: 'Your password is changed. Everybody else who was signed in is signed out.' },
  email: { form: 'email', words: 'Your e-mail address is changed.' },
  email_pending: {
    form: 'email',
    words: 'We have sent a link to the new address. Open it within an hour, and the change is made.',
  },
  backup: { form: 'backups', words: 'Your archive is being made. Load this page again in a minute.' },
};

/** The account screen: address, password, a copy of the data, and the ways out. */
export function AccountPage(props: AccountPageProps): VNode {
  const { config, username, backups, done } = props;
  return (
    <SettingsFrame config={config} username={username} screen="Account">
      <EmailPart {...props} />
      <Part
        {...props}
        form="password"
        title="Password"
        words="When you change it, everybody else is signed out."
        button="Change the password"
      >
        <input type="hidden" name="username" value={username} autocomplete="username" />
        <Password id="password-present" name="password" label="Present password" />
        <Password
          id="password-new"
          name="new_password"
          label="New password"
          isNew
          hint={`At least ${config.accounts.password_min} characters.`}
        />
        <Password id="password-again" name="new_password_confirmation" label="New password again" isNew />
      </Part>
      <Part
        {...props}
        done={done === 'backup' && backups[0]?.state === 'complete' ? null : done}
        form="backups"
        title="Your data"
        words="A ZIP archive of everything we keep about you. One a week; it can be fetched for seven days."
        facts={backups.length > 0 && <Archives backups={backups} />}
        button="Make an archive"
      />
      <Part
        {...props}
        form="disable"
        title="Take a break"
        words="Nobody sees a disabled account, and every session ends. It is back as soon as you sign in again and say so."
        button="Disable my account"
        isDangerous
      >
        <Password id="disable-password" name="password" label="Password" />
      </Part>
      <Part {...props} form="delete" title="Leave" words={leavingWords(config)} button="Delete my account" isDangerous>
        <Password id="delete-password" name="password" label="Password" />
      </Part>
    </SettingsFrame>
  );
}

function EmailPart(props: AccountPageProps): VNode {
  const { config, email, pending, done, problem } = props;
  const isNeeded = config.registrations.email_required || config.confirmsEmail;
  return (
    <Part
      {...props}
      // What waits is told below, with its address.
      done={done === 'email_pending' && pending ? null : done}
      form="email"
      title="E-mail address"
      words={email === null ? 'You have none on file.' : `Our mails go to ${email}.`}
      facts={pending && <Pending {...pending} />}
      button="Change the address"
    >
      <Field
        id="email-new"
        name="email"
        label="New address"
        type="email"
        autocomplete="email"
        value={problem?.email ?? ''}
        required={isNeeded}
        {...(!isNeeded && email !== null && { hint: 'Leave it empty to have none on file.' })}
      />
      <Password id="email-password" name="password" label="Password" />
    </Part>
  );
}

function Pending({ address, expiresAt }: { address: string; expiresAt: Date }): VNode {
  return (
    <p class="notice done">
      <strong>{address}</strong> waits to be confirmed: open the link that we sent there before{' '}
      <Moment at={expiresAt} />.
    </p>
  );
}

function Archives({ backups }: { backups: readonly Backup[] }): VNode {
  return (
    <ul class="archives">
      {backups.map(({ id, state, createdAt, fileSize }) => (
        <li key={id}>
          <span>
            Of <Moment at={createdAt} />:
          </span>{' '}
          {state === 'complete' ? (
            <a href={`/settings/account/backups/${id}`}>{`Download (${Math.ceil(fileSize / 1024)} KiB)`}</a>
          ) : (
            <span>{state === 'failed' ? 'failed; you can ask again' : 'being made'}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

interface PartProps extends Pick<AccountPageProps, 'config' | 'done' | 'problem' | 'hasPassword'> {
  form: AccountForm;
  title: string;
  words: string;
  /** What there is already. */
  facts?: ComponentChildren;
  button: string;
  isDangerous?: boolean;
  children?: ComponentChildren;
}

/** One thing to change: what it was answered with, and its form. The fragment takes the browser back to it. */
function Part({
  config,
  done,
  problem,
  hasPassword,
  form,
  title,
  words,
  facts,
  button,
  isDangerous,
  children,
}: PartProps): VNode {
  const news = done !== null && NEWS[done].form === form ? NEWS[done].words : null;
  return (
    <section class="part" id={form} tabIndex={-1} aria-labelledby={`${form}-title`}>
      <h2 id={`${form}-title`}>{title}</h2>
      <p>{words}</p>
      {news !== null && <output class="notice done">{news}</output>}
      {problem?.form === form && (
        <Alert>
          <p>{problem.sentence}</p>
        </Alert>
      )}
      {facts}
      {hasPassword || form === 'backups' ? (
        <form method="post" action={`/settings/account/${form}#${form}`}>
          {children}
          <button type="submit" class={isDangerous ? 'danger' : ''}>
            {button}
          </button>
        </form>
      ) : (
        <p>
          This asks for a password, and you have none: a provider signs you in.{' '}
          <a href={config.frontend.routes.password_reset}>Set one by mail</a>
        </p>
      )}
    </section>
  );
}

interface PasswordProps {
  /** Several forms of the page have a field of this name. */
  id: string;
  name: string;
  label: string;
  isNew?: boolean;
  hint?: string;
}

function Password({ id, name, label, isNew = false, hint }: PasswordProps): VNode {
  return (
    <Field
      id={id}
      name={name}
      label={label}
      type="password"
      autocomplete={isNew ? 'new-password' : 'current-password'}
      {...(hint !== undefined && { hint })}
    />
  );
}

function leavingWords(config: Config): string {
  const grace = graceWords(config);
  const words =
    grace === null
      ? 'A deleted account is erased at once, and cannot come back.'
      : `A deleted account is hidden at once and erased after ${grace}; until then you can sign in and keep it.`;
  return `${words} Only the bare name stays taken. Make an archive first if you want your data.`;
}
