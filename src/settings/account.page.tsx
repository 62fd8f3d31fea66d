import type { ComponentChildren, VNode } from 'preact';
import type { Backup } from '../backups/backup.entity.js';
import type { Config } from '../config/config.js';
import { Alert, Field } from '../pages/parts.js';
import type { Problem } from './account-screen.service.js';
import { Moment, SettingsFrame } from './settings-frame.js';
import type { Done } from './settings.dto.js';

/** What the account screen shows. */
export interface AccountPageProps {
  config: Config;
  username: string;
  email: string | null;
  /** The address that waits to be confirmed. */
  pending: { address: string; expiresAt: Date } | null;
  backups: readonly Backup[];
  done: Done | null;
  problem: Problem | null;
}

const NEWS: Record<Done, string> = {
  password: 'Your password is changed. Everybody else who was signed in is signed out.',
  email: 'Your e-mail address is changed.',
  email_pending: 'We have sent a link to the new address. Open it within an hour, and the change is made.',
  backup: 'Your archive is being made. We tell you by mail when it is ready.',
};

/** The account screen: address, password, a copy of the data, and the ways out. */
export function AccountPage(props: AccountPageProps): VNode {
  const { config, username, done, problem } = props;
  const sentenceOf = (where: Problem['where']) => (problem?.where === where ? problem.sentence : undefined);
  return (
    <SettingsFrame config={config} username={username} screen="Account">
      {done !== null && <output class="notice done">{NEWS[done]}</output>}
      <EmailSection {...props} sentence={sentenceOf('email')} />
      <Section title="Password" action="password" button="Change the password" sentence={sentenceOf('password')}>
        <input type="hidden" name="username" value={username} autocomplete="username" />
        <Password id="password-present" name="password" label="Present password" />
        <Password
          id="password-new"
          name="new_password"
          label="New password"
          isNew
          hint={`At least ${config.accounts.password_min} characters. Every other session ends.`}
        />
        <Password id="password-again" name="new_password_confirmation" label="New password again" isNew />
      </Section>
      <BackupSection {...props} sentence={sentenceOf('backup')} />
      <Section
        title="Take a break"
        words="Nobody sees a disabled account, and every session ends. It is back as soon as you sign in again."
        action="disable"
        button="Disable my account"
        isDangerous
        sentence={sentenceOf('disable')}
      >
        <Password id="disable-password" name="password" label="Password" />
      </Section>
      <Section
        title="Leave"
        words={leavingWords(config)}
        action="delete"
        button="Delete my account"
        isDangerous
        sentence={sentenceOf('delete')}
      >
        <Password id="delete-password" name="password" label="Password" />
      </Section>
    </SettingsFrame>
  );
}

function EmailSection({
  config,
  email,
  pending,
  sentence,
}: AccountPageProps & { sentence: string | undefined }): VNode {
  return (
    <Section
      title="E-mail address"
      words={email === null ? 'You have none on file.' : `It is ${email}.`}
      action="email"
      button="Change the address"
      sentence={sentence}
    >
      {pending && (
        <p class="notice done">
          {`${pending.address} waits to be confirmed: open the link in the mail there before `}
          <Moment at={pending.expiresAt} />.
        </p>
      )}
      <Field
        name="email"
        label="New address"
        type="email"
        autocomplete="email"
        required={config.registrations.email_required || config.confirmsEmail}
      />
      <Password id="email-password" name="password" label="Password" />
    </Section>
  );
}

function BackupSection({ backups, sentence }: AccountPageProps & { sentence: string | undefined }): VNode {
  return (
    <Section
      title="Your data"
      words="A ZIP archive of everything we keep about you. One a week; it can be fetched for seven days."
      action="backups"
      button="Make an archive"
      sentence={sentence}
    >
      {backups.length > 0 && (
        <ul class="sessions">
          {backups.map(({ id, state, createdAt, fileSize }) => (
            <li key={id}>
              <span>
                <Moment at={createdAt} />
              </span>
              {state === 'complete' ? (
                <a href={`/settings/account/backups/${id}`}>{`Download (${Math.ceil(fileSize / 1024)} KiB)`}</a>
              ) : (
                <span>{state === 'failed' ? 'failed; you can ask again' : 'being made'}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

interface SectionProps {
  title: string;
  words?: string;
  action: string;
  button: string;
  sentence: string | undefined;
  isDangerous?: boolean;
  children?: ComponentChildren;
}

/** One thing to change, with its form and what was wrong with it. */
function Section({ title, words, action, button, sentence, isDangerous = false, children }: SectionProps): VNode {
  return (
    <section class="part" id={action}>
      <h2>{title}</h2>
      {words !== undefined && <p>{words}</p>}
      {sentence !== undefined && (
        <Alert>
          <p>{sentence}</p>
        </Alert>
      )}
      <form method="post" action={`/settings/account/${action}#${action}`}>
        {children}
        <button type="submit" class={isDangerous ? 'danger' : ''}>
          {button}
        </button>
      </form>
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

function leavingWords({ accounts }: Config): string {
  const days = Math.round(accounts.delete_grace / 86_400);
  const grace =
    accounts.delete_grace === 0
      ? 'A deleted account is erased at once, and cannot come back.'
      : `A deleted account is hidden at once and erased after ${days > 0 ? `${days} days` : 'some hours'}; until then you can sign in and keep it.`;
  return `${grace} Only the bare name stays taken. Make an archive first if you want your data.`;
}
