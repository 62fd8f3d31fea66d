import type { WriteLetter } from './letter.js';

/** Letters about imports. */
export const IMPORT_LETTERS = {
  import_finished: ({ username, counts = '', until }, links) => ({
    subject: `Your import at ${links.title} is finished`,
    paragraphs: [
      `The list that you uploaded for your account ${username} has been gone through.`,
      ...(counts === '' ? [] : [counts]),
      ...(until === undefined ? [] : ['It can be undone for some time: open your imports in the settings.']),
    ],
    action: { label: 'Look at your imports', url: links.settings },
  }),
} satisfies Record<string, WriteLetter>;
