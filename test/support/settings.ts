import supertest from 'supertest';
import { PUB, type TestApp } from './app.js';
import { PASSWORD } from './flows.js';
import { ACCEPT_HTML, formsOf, textOf } from './pages.js';

/** A browser: it keeps cookies by path, and follows nothing by itself. */
export type Browser = supertest.Agent;

/** One without cookies. */
export function newBrowser({ app }: TestApp): Browser {
  return supertest.agent(app.getHttpServer()).set('Accept', ACCEPT_HTML);
}

/** The path and query of one of our own URLs. */
export function path(location: string): string {
  return location.slice(PUB.length);
}

/** Opens the settings and answers the login page that they lead to. */
export async function start(browser: Browser): Promise<string> {
  return (await browser.get('/settings')).headers['location'] ?? '';
}

/** Goes from the login page to the redirect that ends at the settings' callback. */
export async function comeBack(
  browser: Browser,
  login: string,
  identifier = 'alice',
  decision = 'approve',
): Promise<string> {
  const forms = formsOf((await browser.get(path(login))).text);
  const byPassword = forms.find(({ action }) => action.startsWith('/api/auth/login?'));
  const signedIn = await browser
    .post(byPassword?.action ?? '')
    .type('form')
    .send({ identifier, password: PASSWORD });
  const [consent] = formsOf((await browser.get(path(signedIn.headers['location'] ?? ''))).text);
  const answer = await browser
    .post(consent?.action ?? '')
    .type('form')
    .send({ ...consent?.fields, decision });
  return answer.headers['location'] ?? '';
}

/** Signs a browser in to the settings. */
export async function enter(test: TestApp, identifier = 'alice'): Promise<Browser> {
  const browser = newBrowser(test);
  const answer = await browser.get(path(await comeBack(browser, await start(browser), identifier)));
  if (answer.headers['location'] !== `${PUB}/settings`) throw new Error(`${answer.status}: ${textOf(answer.text)}`);
  return browser;
}

/** The id of the newest session. */
export async function newestSession({ dataSource }: TestApp): Promise<number> {
  const [{ id }] = await dataSource.query('select max(id)::int as id from session');
  return id;
}

/** The names in the list of sessions, with the tag of this one. */
export function listedSessions(html: string): string[] {
  return [...html.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, name = '']) => textOf(name));
}

/** One part of the account screen: what it says and asks. */
export function partOf(html: string, form: string): string {
  return new RegExp(`<section class="part" id="${form}"[^>]*>(.*?)</section>`, 's').exec(html)?.[1] ?? '';
}

/** What a form of the account screen was answered with, on the screen itself. */
export function problemsOf(html: string): Record<string, string> {
  const parts = [...html.matchAll(/<section class="part" id="(\w+)"[^>]*>(.*?)<\/section>/gs)];
  return Object.fromEntries(
    parts.flatMap(([, form = '', part = '']) => {
      const sentence = /<div class="notice problem" role="alert"><p>(.*?)<\/p>/.exec(part)?.[1];
      return sentence === undefined ? [] : [[form, textOf(sentence)]];
    }),
  );
}

/** Sends a form of the account screen. */
export function sendForm(browser: Browser, form: string, fields: Record<string, string> = {}) {
  return browser.post(`/settings/account/${form}`).type('form').send(fields);
}
