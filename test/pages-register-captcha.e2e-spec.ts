import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { launchBrowser, newProfile, NO_BROWSER, startListeningApp } from './support/browser.js';
import { answerTo, letCaptchasAge } from './support/captcha.js';
import { createUser, PASSWORD } from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, textOf } from './support/pages.js';

const ALT = 'Five distorted characters; the question below is an alternative.';
const adjust = ({ registrations }: TestApp['config']) => {
  registrations.captcha = true;
  registrations.confirm_email = false;
};

let test: TestApp;
beforeAll(async () => {
  test = await startApp(adjust);
  await test.listen();
  await createUser(test, 'taken');
});
afterAll(() => test.close());

const questionIn = (html: string) => textOf(/<p id="captcha_question">(.*?)<\/p>/.exec(html)?.[1] ?? '');
const problemIn = (html: string) =>
  textOf(/id="captcha_solution-explained"><strong class="problem">(.*?)<\/strong>/.exec(html)?.[1] ?? '');
const pictureIn = (html: string) => /<img src="(data:image\/png;base64,[^"]+)"/.exec(html)?.[1];
const countCaptchas = async ({ dataSource } = test) =>
  (await dataSource.query('select count(*)::int as n from captcha'))[0].n;

/** What a person sends who fills in the form of a page and answers its question. */
function filledIn(html: string, username: string): Record<string, string> {
  return {
    ...(formsOf(html)[0]?.fields as Record<string, string>),
    username,
    email: `${username}@example.org`,
    password: PASSWORD,
    agreement: 'true',
    captcha_solution: String(answerTo(questionIn(html))),
  };
}

const open = async () => expectPage(await test.http.get('/register').set('Accept', ACCEPT_HTML));
const send = (body: Record<string, string>) =>
  test.http.post('/register').set('Accept', ACCEPT_HTML).type('form').send(body);

describe('GET /register with a captcha', () => {
  it('shows a picture, a question and one place for the answer to either', async () => {
    const html = await open();
    expect(formsOf(html)[0]?.fields).toEqual({
      username: '',
      email: '',
      password: '',
      captcha_solution: '',
      captcha_token: expect.stringMatching(/^[\w-]{43}$/),
      captcha_answer_data: expect.stringMatching(/^[\w-]{43}$/),
      agreement: null,
    });
    expect(textOf(html)).toContain('Type the characters, or answer the question');
    expect(questionIn(html)).toMatch(/^[A-Z].*\?$/);
    expect(html).toMatch(
      new RegExp(`<img src="data:image/png;base64,[A-Za-z0-9+/]+=*" alt="${ALT}" width="270" height="90"/?>`),
    );
    expect(html).toMatch(
      /id="captcha_solution"[^>]* required[^>]* aria-describedby="captcha_question captcha_solution-explained"/,
    );
    expect(problemIn(html)).toBe('');
  });

  it('never shows the same twice', async () => {
    const [one, other] = [await open(), await open()];
    expect(formsOf(one)[0]?.fields['captcha_token']).not.toBe(formsOf(other)[0]?.fields['captcha_token']);
    expect(pictureIn(one)).not.toBe(pictureIn(other));
  });

  it('makes none for HEAD, nor where none is asked for, nor where registrations are closed', async () => {
    const before = await countCaptchas();
    expect((await test.http.head('/register')).status).toBe(200);
    const [off, closed] = await Promise.all([
      startApp(() => {}, test.database),
      startApp((config) => {
        adjust(config);
        config.registrations.enabled = false;
      }, test.database),
    ]);
    const plain = expectPage(await off.http.get('/register'));
    expectPage(await closed.http.get('/register').set('Accept', ACCEPT_HTML), 403);
    await Promise.all([off.close(), closed.close()]);
    expect(plain).not.toContain('captcha');
    expect(await countCaptchas()).toBe(before);
  });

  it('shares the budget of captchas with the API', async () => {
    const limited = await startApp((config) => {
      adjust(config);
      config.limits.enabled = true;
      config.limits.captchas.points = 2;
    });
    expectPage(await limited.http.get('/register'));
    expect((await limited.http.get('/api/pleroma/captcha')).status).toBe(200);
    const third = await limited.http.get('/register').set('Accept', ACCEPT_HTML);
    const captchas = await countCaptchas(limited);
    await limited.close();
    expect(textOf(expectPage(third, 429))).toContain('Throttled');
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(240);
    expect(captchas).toBe(2);
  });
});

describe('POST /register with a captcha', () => {
  it('makes the account of who answers the question', async () => {
    expect(textOf(expectPage(await send(filledIn(await open(), 'alice'))))).toContain('Welcome, @alice');
  });

  it.each<[string, string, (body: Record<string, string>) => Promise<object> | object]>([
    ['a wrong answer', 'Invalid CAPTCHA', (body) => ({ ...body, captcha_solution: '20' })],
    ['none', 'Invalid CAPTCHA', (body) => ({ ...body, captcha_solution: '' })],
    ['no captcha at all', 'Invalid CAPTCHA', (body) => ({ ...body, captcha_token: '', captcha_answer_data: '' })],
    [
      'an answer that came late',
      'CAPTCHA expired',
      async (body) => {
        await letCaptchasAge(test, '300 seconds');
        return body;
      },
    ],
    [
      'the captcha of an earlier attempt',
      'CAPTCHA already used',
      async (body) => {
        await send({ ...body, username: 'taken' });
        return body;
      },
    ],
  ])('refuses %s, and shows a new one', async (_, description, change) => {
    const first = await open();
    const html = expectPage(await send((await change(filledIn(first, 'bea'))) as Record<string, string>), 422);
    expect(problemIn(html)).toBe(`${description}. Here is a new one.`);
    expect(html).toContain('role="alert"');
    expect(html.match(/aria-invalid="true"/g)).toHaveLength(1);
    const [before, after] = [first, html].map((page) => formsOf(page)[0]?.fields);
    expect(after?.['captcha_token']).toMatch(/^[\w-]{43}$/);
    expect(after?.['captcha_token']).not.toBe(before?.['captcha_token']);
    expect(after).toMatchObject({ username: 'bea', captcha_solution: '', password: '' });
    expect(await test.dataSource.query(`select from "user" where username = 'bea'`)).toEqual([]);
  });

  it('shows a new one also when something else was wrong, and then takes it', async () => {
    const html = expectPage(await send({ ...filledIn(await open(), 'cora'), username: 'taken' }), 422);
    expect(problemIn(html)).toBe('');
    expect(formsOf(html)[0]?.fields['captcha_solution']).toBe('');
    expect(textOf(expectPage(await send(filledIn(html, 'cora'))))).toContain('Welcome, @cora');
  });
});

describe.skipIf(NO_BROWSER !== null)('a person with a browser that runs no scripts', () => {
  let browser: Browser;
  let app: TestApp;
  beforeAll(async () => {
    [app, browser] = await Promise.all([startListeningApp(adjust), launchBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });

  it('sees the picture, hears the question with the field, and gets in at the second attempt', async () => {
    const { context, complaints } = await newProfile(browser, { javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${app.config.publicUrl}/register`);
    const answer = page.getByRole('textbox', { name: 'Type the characters, or answer the question' });
    const fill = async (solution: string) => {
      await page.getByLabel('User name').fill('dora');
      await page.getByLabel('E-mail address').fill('dora@example.org');
      await page.getByLabel('Password').fill(PASSWORD);
      await answer.fill(solution);
      await page.getByLabel('I agree').check();
      await page.getByRole('button', { name: 'Create the account' }).click();
    };
    const question = async () => (await page.locator('#captcha_question').textContent()) ?? '';
    const picture = page.getByRole('img', { name: ALT });
    expect(await picture.boundingBox()).toMatchObject({ width: 270, height: 90 });
    const heard = await page.getByRole('group', { name: 'Are you a person?' }).ariaSnapshot();
    expect(heard).toContain(await question());
    const first = await question();
    await fill('20');
    await page.getByText('Invalid CAPTCHA. Here is a new one.').waitFor();
    expect(await question()).not.toBe(first);
    await fill(String(answerTo(await question())));
    await page.getByRole('heading', { name: 'Welcome, @dora' }).waitFor();
    // The browser's own word on the status of the refused attempt, and nothing about blocked pictures.
    expect(complaints.filter((complaint) => !complaint.includes('422'))).toEqual([]);
    await context.close();
  });
});
