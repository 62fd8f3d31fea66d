import { moment, newPassword, untilOrFor, type WriteLetter } from './letter.js';

const KNOWS_PASSWORD = 'If this was not you: somebody knows your password.';

/** Letters about leaving and coming back. */
export const ENDING_LETTERS = {
  account_disabled: ({ username, by }, links) =>
    by === 'staff'
      ? {
          subject: `Your account at ${links.title} was disabled`,
          paragraphs: [
            `The staff of ${links.title} disabled your account ${username}. It is hidden and cannot be used, and everybody was signed out. Nothing was deleted.`,
            `Only the staff can bring it back.${links.contact ? ` You reach them at ${links.contact}.` : ''}`,
          ],
        }
      : {
          subject: `Your account at ${links.title} is disabled`,
          paragraphs: [
            `Your account ${username} was disabled. It is hidden, and everybody was signed out. Nothing was deleted.`,
            'To come back, just sign in: we then ask whether you want your account back.',
          ],
          tellsCircumstances: true,
          otherwise: {
            text: `${KNOWS_PASSWORD} Set a new one, then sign in to bring your account back.`,
            link: newPassword(links),
          },
        },

  account_reactivated: ({ username, by }, links) => ({
    subject: `Your account at ${links.title} is back`,
    paragraphs: [
      by === 'staff'
        ? `The staff of ${links.title} brought your account ${username} back. You can sign in again.`
        : `Your account ${username} was brought back and is no longer hidden.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: `${KNOWS_PASSWORD} Set a new one, which also signs everybody out.`,
      link: newPassword(links),
    },
  }),

  deletion_scheduled: ({ username, until, by }, links) => ({
    subject: `Your account at ${links.title} is going to be deleted`,
    paragraphs: [
      `${by === 'staff' ? `The staff of ${links.title} asked` : 'Somebody, probably you, asked'} to delete your account ${username}. It is hidden already, and everybody was signed out.`,
      `${until ? `On ${moment(until)}` : 'When the time for a change of mind is over'}, it is erased for good. Only its name stays reserved, so that nobody can pose as you.`,
    ],
    tellsCircumstances: true,
    action: {
      before: 'Until then you can change your mind.',
      label: 'Keep my account',
      url: links.act,
      note: `This works once, ${untilOrFor(until, 'some days')}.`,
    },
    otherwise: {
      text: `${KNOWS_PASSWORD} Keep your account, then set a new password.`,
      link: newPassword(links),
    },
  }),

  deletion_cancelled: ({ username }, links) => ({
    subject: `Your account at ${links.title} will not be deleted`,
    paragraphs: [
      `The deletion of your account ${username} was cancelled, and the account is no longer hidden. Please sign in anew in your apps.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: `${KNOWS_PASSWORD} Set a new one, which also signs everybody out.`,
      link: newPassword(links),
    },
  }),

  account_deleted: ({ username, by }, { title }) => ({
    subject: `Your account at ${title} was deleted`,
    paragraphs: [
      `Your account ${username} was deleted${by === 'staff' ? ` by the staff of ${title}` : ', as you asked'}. Your profile, address, sessions and everything else that belonged to it are erased. Only the name stays reserved, so that nobody can pose as you.`,
      'This cannot be undone. It is the last mail that you get from us.',
    ],
    tellsCircumstances: true,
  }),
} satisfies Record<string, WriteLetter>;
