import { untilOrFor, type WriteLetter } from './letter.js';

/** Letters on the way into an account. */
export const REGISTRATION_LETTERS = {
  confirm_registration: ({ username, until }, { title, act }) => ({
    subject: `Confirm your address for ${title}`,
    paragraphs: [
      `Somebody, probably you, made the account ${username} at ${title} with this mail address.`,
      'Please confirm that the address is yours.',
    ],
    action: { label: 'Confirm this address', url: act, note: `This works once, ${untilOrFor(until, '48 hours')}.` },
    otherwise: { text: 'If this was not you: do nothing. Without the confirmation nobody can use the account.' },
  }),

  welcome: ({ username }, { title, domain, settings }) => ({
    subject: `Welcome to ${title}`,
    paragraphs: [
      `Your account ${username} is ready.`,
      `You can use it in any app for Mastodon or Pleroma. When the app asks for your server, enter ${domain}.`,
      'In your settings you see where you are signed in, and sign out what you do not know.',
    ],
    action: { label: 'Your settings', url: settings },
  }),

  registration_waiting: ({ username }, { title }) => ({
    subject: `Your registration at ${title} is waiting`,
    paragraphs: [
      `Thank you for registering as ${username}.`,
      `At ${title} the staff looks at every registration and decides. You get a mail as soon as your account is approved. Until then it cannot be used.`,
      'There is nothing more that you need to do.',
    ],
  }),

  registration_to_review: ({ username, reason }, { title }) => ({
    subject: `${username} would like to join ${title}`,
    isForStaff: true,
    paragraphs: [
      `Somebody registered as ${username} and waits for approval.`,
      ...(reason ? ['This is the reason that they gave:'] : []),
    ],
    ...(reason && { quote: reason }),
    tellsCircumstances: true,
    command: { text: 'To let them in, use the command line of Gatehouse:', line: `user approve ${username}` },
  }),

  account_approved: ({ username }, { title, domain }) => ({
    subject: `Your account at ${title} is approved`,
    paragraphs: [
      `Welcome. The staff of ${title} approved your account ${username}, so you can sign in now.`,
      `You can use it in any app for Mastodon or Pleroma. When the app asks for your server, enter ${domain}.`,
    ],
  }),
} satisfies Record<string, WriteLetter>;
