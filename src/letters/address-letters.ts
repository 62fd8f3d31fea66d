import { newPassword, untilOrFor, type WriteLetter } from './letter.js';

/** Letters about the address that letters go to. */
export const ADDRESS_LETTERS = {
  address_change_requested: ({ username, address = 'another one' }, links) => ({
    subject: `Your mail address at ${links.title} is about to change`,
    paragraphs: [
      `Somebody, probably you, asked to change the mail address of your account ${username} to ${address}.`,
      'This address stays in use until the new one is confirmed.',
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody knows your password. Set a new one, which also stops the change and signs everybody out.',
      link: newPassword(links),
    },
  }),

  confirm_address: ({ username, until }, { title, act }) => ({
    subject: `Confirm your new address for ${title}`,
    paragraphs: [
      `Somebody, probably you, asked to use this mail address for the account ${username} at ${title}.`,
      'Please confirm that the address is yours.',
    ],
    action: { label: 'Confirm this address', url: act, note: `This works once, ${untilOrFor(until, 'one hour')}.` },
    otherwise: { text: 'If this was not you: do nothing. Without the confirmation the address is not used.' },
  }),

  // Where and with what it was asked for is not told: it may be another person's.
  address_in_use: ({ username }, links) => ({
    subject: `Somebody asked to use your mail address at ${links.title}`,
    paragraphs: [
      `Somebody asked to use this mail address for an account at ${links.title}. It belongs to your account ${username}, so nothing was changed.`,
      `If it was you and you cannot get into ${username}, set a new password.`,
    ],
    action: newPassword(links),
    otherwise: { text: 'If this was not you: do nothing. The other person was not told that you have an account.' },
  }),

  address_changed: ({ username, address = 'another one', until }, { title, act }) => ({
    subject: `Your mail address at ${title} was changed`,
    paragraphs: [
      `The mail address of your account ${username} was changed from this one to ${address}. From now on our mails go there.`,
    ],
    tellsCircumstances: true,
    action: {
      before:
        'If this was not you: take the change back. That puts this address back, signs everybody out, and asks for a new password.',
      label: 'Take the change back',
      url: act,
      note: `This works once, ${untilOrFor(until, 'seven days')}.`,
    },
  }),

  // To an address that cannot take the change back.
  address_replaced: ({ username, address = 'another one' }, { title, contact }) => ({
    subject: `Your mail address at ${title} was changed`,
    paragraphs: [
      `The mail address of your account ${username} was changed from this one to ${address}. From now on our mails go there.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: `If this was not you: tell the people who run ${title}${contact === null ? '' : `, at ${contact}`}.`,
    },
  }),

  // Goes to both addresses.
  address_restored: ({ username }, links) => ({
    subject: `The change of your mail address at ${links.title} was taken back`,
    paragraphs: [
      `A change of the mail address of the account ${username} was taken back: the earlier address is in use again.`,
      'Everybody was signed out, and the account needs a new password before it can be used.',
    ],
    tellsCircumstances: true,
    action: newPassword(links),
  }),
} satisfies Record<string, WriteLetter>;
