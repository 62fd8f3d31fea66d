import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import type { LinkFacts } from './mail-links.service.js';

/** What a link will do, and the button that does it. */
export function LinkPage({ config, facts, token }: { config: Config; facts: LinkFacts; token: string }): VNode {
  const { title, question, button } = before(facts);
  return (
    <Document title={title} config={config}>
      <section class="card">
        <h1>{title}</h1>
        <p class="lead">{question}</p>
        <form method="post" action={`/auth/link/${token}`}>
          {facts.needsFactor && (
            <div class="field">
              <label for="code">Code of your authenticator app, or a backup code</label>
              <input
                id="code"
                name="code"
                required
                autocomplete="one-time-code"
                autocapitalize="none"
                spellcheck={false}
              />
            </div>
          )}
          <button type="submit">{button}</button>
        </form>
        <p class="aside">Nothing has changed yet. If you do not want this, close the page.</p>
      </section>
    </Document>
  );
}

/** What a link has done, and where to go on. */
export function LinkDonePage({ config, facts }: { config: Config; facts: LinkFacts }): VNode {
  const { title, news } = after(facts);
  const { label, path } = onwards(config, facts);
  return (
    <Document title={title} config={config}>
      <section class="card">
        <h1>{title}</h1>
        <p class="lead">{news}</p>
        <p class="actions">
          <a class="button" href={path}>
            {label}
          </a>
        </p>
      </section>
    </Document>
  );
}

function before({ purpose, username, address }: LinkFacts): { title: string; question: string; button: string } {
  switch (purpose) {
    case 'confirm_registration':
      return {
        title: 'Confirm your address',
        question: `Is ${address ?? 'this'} your address, and @${username} your account?`,
        button: 'Yes, confirm it',
      };
    case 'confirm_address':
      return {
        title: 'Confirm the new address',
        question: `From now on, mails for @${username} would go to ${address ?? 'this address'}.`,
        button: 'Use this address',
      };
    case 'undo_address':
      return {
        title: 'Take the address back',
        question:
          `@${username} would get mails at ${address ?? 'this address'} again. Everybody is signed out, and the password ` +
          'counts no more: you choose a new one by mail.',
        button: 'Take it back',
      };
    case 'confirm_recovery':
      return {
        title: 'Have you lost every second factor?',
        question:
          `Then the waiting begins for @${username}. When it is over the factors are taken away, unless somebody who still ` +
          'has one, or is signed in, objects.',
        button: 'Yes, I have lost them',
      };
    case 'stop_recovery':
      return {
        title: 'Keep the second factors',
        question: `Somebody who knows the password of @${username} wants its second factors taken away.`,
        button: 'Keep them',
      };
    default:
      return {
        title: 'Keep the account',
        question: `@${username} is about to be deleted. Do you want to keep it?`,
        button: 'Keep my account',
      };
  }
}

function after({ purpose, username, address, isApprovalPending }: LinkFacts): { title: string; news: string } {
  switch (purpose) {
    case 'confirm_registration':
      return isApprovalPending
        ? { title: 'Address confirmed', news: 'Somebody of this instance will now look at your registration.' }
        : { title: 'Address confirmed', news: `@${username} is ready: you can sign in.` };
    case 'confirm_address':
      return { title: 'Address changed', news: `Mails for @${username} now go to ${address ?? 'the new address'}.` };
    case 'undo_address':
      return {
        title: 'Address restored',
        news: `@${username} has its old address again, and everybody is signed out. Now have a mail for a new password sent there.`,
      };
    case 'confirm_recovery':
      return { title: 'The waiting begins', news: `We write to you when the second factors of @${username} are gone.` };
    case 'stop_recovery':
      return {
        title: 'Second factors kept',
        news: `@${username} keeps them. Set a new password: somebody knows yours.`,
      };
    default:
      return { title: 'Account kept', news: `@${username} stays. Sign in as usual.` };
  }
}

/** Where to go now: to sign in, where that is possible at once and ours. */
function onwards({ frontend }: Config, { purpose, isApprovalPending }: LinkFacts): { label: string; path: string } {
  if (purpose === 'undo_address') return { label: 'Choose a new password', path: frontend.routes.password_reset };
  const isReady = purpose === 'cancel_deletion' || (purpose === 'confirm_registration' && !isApprovalPending);
  return isReady && frontend.builtin
    ? { label: 'Sign in to your settings', path: '/settings' }
    : { label: 'Go on', path: frontend.routes.home };
}
