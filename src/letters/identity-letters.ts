import { newPassword, type WriteLetter } from './letter.js';

/** Letters about identities at providers. */
export const IDENTITY_LETTERS = {
  identity_linked: ({ username, provider = 'a provider' }, links) => ({
    subject: `${provider} can sign you in at ${links.title}`,
    paragraphs: [`From now on, an identity at ${provider} signs in to your account ${username}.`],
    tellsCircumstances: true,
    action: { label: 'Look at what signs you in', url: links.settings },
    otherwise: {
      text: 'If this was not you: unlink it in the settings, end the sessions that you do not know, and set a new password.',
      link: newPassword(links),
    },
  }),

  identity_unlinked: ({ username, provider = 'a provider' }, links) => ({
    subject: `${provider} no longer signs you in at ${links.title}`,
    paragraphs: [
      `Your identity at ${provider} does not sign in to your account ${username} any more. Sessions live on.`,
    ],
    tellsCircumstances: true,
    otherwise: {
      text: 'If this was not you: somebody uses a session of yours. Set a new password, then link it again in the settings.',
      link: newPassword(links),
    },
  }),
} satisfies Record<string, WriteLetter>;
