import { newPassword, untilOrFor, type WriteLetter } from './letter.js';

/** Letters about passwords, sessions and apps. */
export const SECURITY_LETTERS = {
  new_sign_in: ({ username }, links) => ({
    subject: `New sign-in to your account at ${links.title}`,
    paragraphs: [`Somebody signed in to your account ${username} from a network that is new for it.`],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody knows your password. Set a new one, which also signs everybody out.',
      link: newPassword(links),
    },
  }),

  wrong_passwords: ({ username }, links) => ({
    subject: `Many wrong passwords for your account at ${links.title}`,
    paragraphs: [
      `Many wrong passwords in a row were entered for your account ${username}.`,
      'For now, only one attempt every few minutes is let through. Nothing is locked: what is signed in stays signed in, and the right password or a new one ends the slowness.',
      'This was the last attempt:',
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: a long password that you use nowhere else keeps guessers out. If yours is not like that, or you forgot it, set a new one.',
      link: newPassword(links),
    },
  }),

  password_changed: ({ username }, links) => ({
    subject: `Your password at ${links.title} was changed`,
    paragraphs: [
      `The password of your account ${username} was changed. Everything but the app that changed it was signed out.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: set a new password at once, which also signs everybody out.',
      link: newPassword(links),
    },
  }),

  password_reset: ({ username, until, by }, { title, reset }) => ({
    subject: `Set a new password for ${title}`,
    paragraphs: [
      by === 'staff'
        ? `The staff of ${title} asks you to set a new password for your account ${username}.`
        : `Somebody, probably you, asked for a new password for the account ${username} at ${title}.`,
    ],
    tellsCircumstances: true,
    action: { label: 'Set a new password', url: reset, note: `This works once, ${untilOrFor(until, 'one hour')}.` },
    otherwise: {
      text:
        by === 'staff'
          ? 'Until then the account cannot be used.'
          : 'If this was not you: do nothing. Your password stays as it is.',
    },
  }),

  password_was_reset: ({ username }, links) => ({
    subject: `A new password for your account at ${links.title}`,
    paragraphs: [
      `A new password was set for your account ${username}, with a link that we had mailed to you. Everybody was signed out, so please sign in anew in your apps.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody else can read your mail. Change the password of your mailbox first, then set a new one here.',
      link: newPassword(links),
    },
  }),

  sessions_revoked: ({ username, by }, links) => ({
    subject: `Your account at ${links.title} was signed out`,
    paragraphs: [
      by === 'staff'
        ? `The staff of ${links.title} signed your account ${username} out everywhere. Please sign in anew in your apps.`
        : `Your account ${username} was signed out everywhere, or everywhere but in the app that asked for it. Please sign in anew in the others.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody knows your password. Set a new one, which also signs everybody out.',
      link: newPassword(links),
    },
  }),

  session_reused: ({ username }, links) => ({
    subject: `We ended a session of your account at ${links.title}`,
    paragraphs: [
      `One of the apps that use your account ${username} showed us a key that had been used already. That can mean that the key was stolen, so we ended this session.`,
      'If an app of yours is signed out now, sign in there again. Your other sessions go on.',
    ],
    tellsCircumstances: true,
    action: { label: 'See where you are signed in', url: links.settings },
    otherwise: {
      text: 'If you find a session there that is not yours, or this happens again: set a new password, which also signs everybody out.',
      link: newPassword(links),
    },
  }),

  client_may_write: ({ username }, links) => ({
    subject: `An app may now write for your account at ${links.title}`,
    paragraphs: [`You allowed an app to act for your account ${username}: it may change things, not only read them.`],
    tellsCircumstances: true,
    action: { label: 'See your apps', url: links.settings },
    otherwise: {
      text: 'If this was not you: somebody is signed in to your account. Set a new password, which also signs everybody and every app out.',
      link: newPassword(links),
    },
  }),

  backup_ready: ({ username }, links) => ({
    subject: `Your data from ${links.title} is ready`,
    paragraphs: [
      `The archive with the data of your account ${username} is ready. You can fetch it in your settings for seven days.`,
    ],
    action: { label: 'Your settings', url: links.settings },
    otherwise: {
      text: 'If you did not ask for it: somebody is signed in to your account. Set a new password, which also signs everybody out.',
      link: newPassword(links),
    },
  }),
} satisfies Record<string, WriteLetter>;
