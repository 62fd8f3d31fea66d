import type { WholeLetter } from './render-letter.js';

/** A letter as plain text. */
export function letterText(letter: WholeLetter): string {
  const { greeting, paragraphs, quote, circumstances, command, action, otherwise, footer } = letter;
  const width = Math.max(...circumstances.map(([name]) => name.length));
  const blocks = [
    greeting,
    ...paragraphs,
    quote && `> ${quote}`,
    circumstances.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n'),
    command && `${command.text}\n\n  ${command.line}`,
    action?.before,
    action && `${action.label}:\n${action.url}`,
    action?.note,
    otherwise?.text,
    otherwise?.link && `${otherwise.link.label}:\n${otherwise.link.url}`,
    `-- \n${footer}`,
  ];
  return `${blocks.filter((block) => block).join('\n\n')}\n`;
}
