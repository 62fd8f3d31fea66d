import { isIP } from 'node:net';
import { deviceName } from '../common/device.js';
import { type Facts, type Letter, type LetterLinks, moment, type TemplateName } from './letter.js';
import { letterHtml } from './letter-html.js';
import { letterText } from './letter-text.js';
import { LETTERS } from './letters.js';
import { plainFacts, plainWords, unlinkable } from './plain-words.js';

/** A letter with everything that both of its forms show. */
export interface WholeLetter extends Letter {
  greeting: string;
  /** Names and values of what happened. */
  circumstances: [name: string, value: string][];
  /** Who sends it, and why. */
  footer: string;
}

/** A letter in the form in which it travels. */
export interface RenderedLetter {
  subject: string;
  text: string;
  html: string;
}

/** Whether we know this kind of letter. */
export function isTemplateName(name: string): name is TemplateName {
  return Object.hasOwn(LETTERS, name);
}

/** Writes a letter, as text and as HTML. */
export function renderLetter(template: TemplateName, facts: Facts, links: LetterLinks): RenderedLetter {
  const told = plainFacts(facts);
  const letter = LETTERS[template](told, links);
  const whole: WholeLetter = {
    ...letter,
    subject: plainWords(letter.subject, 200),
    greeting: letter.isForStaff ? 'Hello,' : `Hello ${told.username},`,
    circumstances: letter.tellsCircumstances ? circumstances(told) : [],
    footer: letter.isForStaff
      ? `Sent by ${links.title} (${links.domain}) to its staff. Nobody reads replies.`
      : `Sent by ${links.title} (${links.domain}) because of the account ${told.username}. Nobody reads replies.`,
  };
  return { subject: whole.subject, text: letterText(whole), html: letterHtml(whole) };
}

function circumstances({ at, ip, userAgent, app }: Facts): [string, string][] {
  const device = deviceName(userAgent ?? null);
  const known: [string, string | null | undefined][] = [
    ['Time', at && moment(at)],
    ['IP address', ip && isIP(ip) > 0 ? ip : null],
    // Of an unknown program, the name is what it says of itself.
    ['Device', device && unlinkable(device, 80)],
    ['App', app],
  ];
  return known.flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []));
}
