import { moment, newPassword, untilOrFor, type WriteLetter } from './letter.js';

/** Letters about what is asked for besides the password. */
export const FACTOR_LETTERS = {
  factor_added: ({ username, factor = 'a second factor' }, links) => ({
    subject: `A second factor for your account at ${links.title}`,
    paragraphs: [`From now on, signing in to your account ${username} also asks for ${factor}.`],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody knows your password. Set a new one at once, then look at your second factors in the settings.',
      link: newPassword(links),
    },
  }),

  factor_removed: ({ username, factor = 'a second factor' }, links) => ({
    subject: `A second factor was removed at ${links.title}`,
    paragraphs: [`Signing in to your account ${username} does not ask for ${factor} any more.`],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: set a new password at once, then set up a second factor anew.',
      link: newPassword(links),
    },
  }),

  backup_codes_made: ({ username }, links) => ({
    subject: `New backup codes for your account at ${links.title}`,
    paragraphs: [
      `New backup codes were made for your account ${username}. Those that you wrote down before work no longer.`,
      'Some apps make new codes whenever you open their page for it. If you do not know where the new ones are, make a set that you keep.',
    ],
    tellsCircumstances: true,
    action: { label: 'Make new codes', url: links.settings },
    otherwise: { text: 'If this was not you: end the sessions that you do not know, and make new codes.' },
  }),

  backup_code_used: ({ username, left = '0' }, links) => ({
    subject: `A backup code was used at ${links.title}`,
    paragraphs: [
      `A backup code was used for your account ${username}. It works no longer.`,
      left === '0' ? 'It was the last one.' : left === '1' ? 'One is left.' : `${left} are left.`,
    ],
    tellsCircumstances: true,
    action: { label: 'Make new codes', url: links.settings },
    otherwise: {
      text: 'If this was not you: somebody has your codes and knows your password. Set a new one at once.',
      link: newPassword(links),
    },
  }),

  recovery_confirm: ({ username, until }, { title, act }) => ({
    subject: `Did you lose your second factors at ${title}?`,
    paragraphs: [
      `Somebody who knows the password of your account ${username} says that every second factor is lost, and asks to take them away.`,
      'If it was you, confirm it. Then comes a time of waiting, in which anybody who still has a factor, or is signed in, can object.',
    ],
    tellsCircumstances: true,
    action: { label: 'Yes, I lost them', url: act, note: `This works once, ${untilOrFor(until, 'one hour')}.` },
    otherwise: { text: 'If this was not you: do nothing, and set a new password, because somebody knows yours.' },
  }),

  recovery_begun: ({ username, until }, { title, act }) => ({
    subject: `Your second factors at ${title} will be removed`,
    paragraphs: [
      `Somebody who knows the password of your account ${username} and reads this mailbox says that every second factor is lost.`,
      `They are taken away ${until === undefined ? 'soon' : `on ${moment(until)}`}, unless you object: with this button, in the settings, or by signing in with one of them.`,
    ],
    tellsCircumstances: true,
    action: { label: 'Object: I still have them', url: act },
    otherwise: { text: 'If you asked for it: wait. We write again when it is done.' },
  }),

  recovery_stopped: ({ username }, links) => ({
    subject: `Your second factors at ${links.title} stay`,
    paragraphs: [
      `The request to take the second factors of your account ${username} away has ended: somebody objected, showed one of them, or changed the password.`,
      'If you have lost all of them indeed, ask again where you sign in.',
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If it was not you who asked in the first place: somebody knows your password. Set a new one, unless you have just done so.',
      link: newPassword(links),
    },
  }),

  recovery_done: ({ username, by }, links) => ({
    subject: `Your second factors at ${links.title} were removed`,
    paragraphs: [
      by === 'staff'
        ? `The staff of ${links.title} removed every second factor of your account ${username}.`
        : `Nobody objected, so every second factor of your account ${username} was removed.`,
      'You can sign in with your password alone. Set up a new factor soon.',
    ],
    tellsCircumstances: true,
    otherwise: { text: 'If you did not ask for this: set a new password at once.', link: newPassword(links) },
  }),
} satisfies Record<string, WriteLetter>;
