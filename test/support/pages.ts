import { expect } from 'vitest';
import type { Response } from 'supertest';

/** What browsers send when somebody opens an address or sends a form. */
export const ACCEPT_HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

/** The policy of every page; `targets` stand behind `form-action 'self'` (contract.md §0.8). */
export function policy(...targets: string[]): string {
  return `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; base-uri 'none'; frame-ancestors 'none'; form-action ${["'self'", ...targets].join(' ')}`;
}

/** Asserts that an answer is a page with all the headers of one, and answers its text. */
export function expectPage(answer: Response, status = 200, csp = policy()): string {
  expect({ status: answer.status, location: answer.headers['location'] }).toEqual({ status, location: undefined });
  expect(answer.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': csp,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  });
  expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  return answer.text;
}

/** A form of a page. */
export interface Form {
  method: string;
  action: string;
  /** The values it sends as they are; null for a checkbox that is not ticked. */
  fields: Record<string, string | null>;
  /** The words on its buttons. */
  buttons: string[];
}

/** The forms of a page, in order. */
export function formsOf(html: string): Form[] {
  return [...html.matchAll(element('form'))].map(([, attributes = '', inside = '']) => ({
    method: attribute(attributes, 'method') ?? 'get',
    action: attribute(attributes, 'action') ?? '',
    fields: Object.fromEntries(
      [...inside.matchAll(tag('input|textarea', '([^<]*)'))].map(([start, input = '', content = '']) => [
        attribute(input, 'name') ?? '',
        fieldValue(start, input, content),
      ]),
    ),
    buttons: [...inside.matchAll(element('button'))].map(([, , words = '']) => textOf(words)),
  }));
}

/** Where a page links to, by the words of the link. */
export function linksOf(html: string): Record<string, string> {
  return Object.fromEntries(
    [...html.matchAll(element('a'))].map(([, attributes = '', words = '']) => [
      textOf(words),
      attribute(attributes, 'href') ?? '',
    ]),
  );
}

/** What a reader sees of HTML: no tags, one space for any gap. */
export function textOf(html: string): string {
  const blocks = tag('/?(?:p|h\\d|li|dt|dd|div|button|form|section|label|header|footer|title)');
  return decoded(html.replace(blocks, ' ').replace(tag('[/!]?\\w+'), ''))
    .replace(/\s+/g, ' ')
    .trim();
}

/** The parameters in the query of a path. */
export function queryOf(path: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? ''));
}

/** A tag of one of these names and what follows it; its attributes, in whose values a `>` may stand, are the first group. */
function tag(names: string, rest = ''): RegExp {
  return new RegExp(`<(?:${names})(?![\\w-])((?:"[^"]*"|[^">])*)>${rest}`, 'gs');
}

/** A whole element: its attributes and its content. */
function element(name: string): RegExp {
  return tag(name, `(.*?)</${name}>`);
}

function fieldValue(start: string, input: string, content: string): string | null {
  if (start.startsWith('<textarea')) return decoded(content);
  if (attribute(input, 'type') === 'checkbox' && !/\bchecked\b/.test(input)) return null;
  return attribute(input, 'value') ?? '';
}

function attribute(attributes: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1];
  return found === undefined ? undefined : decoded(found);
}

function decoded(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
