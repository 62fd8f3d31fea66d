import type { Facts } from './letter.js';

/**
 * One line of what somebody else wrote: no line breaks, nothing invisible, nothing that turns the direction of reading
 * (security.md R17), and not without an end.
 */
export function plainWords(text: string, most: number): string {
  const line = text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}\p{Co}]/gu, '')
    .trim();
  const letters = [...line];
  return letters.length <= most ? line : `${letters.slice(0, most - 1).join('')}…`;
}

/** The same of free text, which mail programs must not turn into links: zero-width non-joiners keep them from it. */
export function unlinkable(text: string, most: number): string {
  return plainWords(text, most).replace(/(?<=\S)[.:@](?=\S)/g, '\u200c$&');
}

/** What a letter may tell, whatever was written into it. */
export function plainFacts({ app, reason, address, username, ...facts }: Facts): Facts {
  return {
    ...facts,
    username: plainWords(username, 64),
    ...(typeof app === 'string' && { app: unlinkable(app, 80) }),
    ...(typeof reason === 'string' && { reason: unlinkable(reason, 500) }),
    ...(typeof address === 'string' && { address: plainWords(address, 254) }),
  };
}
