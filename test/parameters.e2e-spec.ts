import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RouteTable } from '../src/common/route-table.js';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import {
  ask,
  clientToken,
  countRows,
  createUser,
  oauthQuery,
  PASSWORD,
  registerClient,
  signIn,
  type TestClient,
} from './support/flows.js';

let test: TestApp;
let client: TestClient;
let cookie: string;
let appToken: string;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
  appToken = await clientToken(test, client);
  ({ cookie } = await signIn(test, client, 'alice'));
});
afterAll(() => test.close());

const OAUTH = [
  'client_id',
  'redirect_uri',
  'response_type',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
];
const PARAMETERS: [string, string[], () => Record<string, string>][] = [
  ['/api/auth/login', OAUTH, () => ({ ...oauthQuery(client), identifier: 'alice', password: PASSWORD })],
  ['/api/auth/continue', OAUTH, () => oauthQuery(client)],
  ['/api/auth/redirect', [...OAUTH, 'code', 'decision'], () => oauthQuery(client)],
  ['/oauth/authorize', [...OAUTH, 'code', 'decision'], () => oauthQuery(client)],
  [
    '/api/v1/apps',
    ['client_name', 'token_endpoint_auth_method'],
    () => ({ client_name: 'A', redirect_uris: 'https://app.example/cb' }),
  ],
  [
    '/api/v1/accounts',
    ['username', 'email', 'password', 'locale', 'reason', 'fullname', 'display_name', 'bio'],
    () => ({ username: 'somebody', email: 's@example.org', password: PASSWORD, agreement: 'true' }),
  ],
  [
    '/oauth/token',
    ['grant_type', 'code', 'redirect_uri', 'code_verifier', 'refresh_token', 'scope', 'client_id', 'client_secret'],
    () => ({ grant_type: 'authorization_code', client_id: client.client_id, client_secret: client.client_secret }),
  ],
  [
    '/oauth/revoke',
    ['token', 'token_type_hint', 'client_id', 'client_secret'],
    () => ({ token: 'x', client_id: client.client_id, client_secret: client.client_secret }),
  ],
  [
    '/oauth/introspect',
    ['token', 'token_type_hint', 'client_id', 'client_secret'],
    () => ({ token: 'x', client_id: client.client_id, client_secret: client.client_secret }),
  ],
];

describe.each(PARAMETERS)('the parameters of POST %s (contract.md §0.3, security.md R6)', (url, names, valid) => {
  const send = (type: string, body: string, search = '') => {
    const who: Record<string, string> =
      url === '/api/v1/accounts' ? { authorization: `Bearer ${appToken}` } : { cookie };
    return ask(test, 'POST', url + search, { ...who, 'content-type': type }, body);
  };
  const tell = ({ status, headers, text }: Awaited<ReturnType<typeof ask>>) => ({
    status,
    text,
    cookie: headers['set-cookie'],
  });

  it('are strings: a list, an object, a number, a boolean and null are refused with 400', async () => {
    const before = await countRows(test);
    for (const name of names) {
      for (const value of [['a'], [], { a: 'b' }, {}, 5, 0, true, false, null]) {
        const answer = tell(await send('application/json', JSON.stringify({ ...valid(), [name]: value })));
        const expected = { name, value, status: 400, cookie: undefined };
        expect({ name, value, status: answer.status, cookie: answer.cookie }).toEqual(expected);
        expect(answer.text).toContain(name);
      }
      const form = await send(FORM, `${asForm(valid()).replace(new RegExp(`(^|&)${name}=[^&]*`), '')}&${name}[]=a`);
      expect({ name, status: form.status }).toEqual({ name, status: 400 });
    }
    expect(await countRows(test)).toEqual(before);
  });

  it('are refused when one is given twice, in a form, in multipart, in the query, or in two places', async () => {
    const before = await countRows(test);
    const { facts } =
      test.app.get(RouteTable).routes.find((route) => route.url === url && route.method === 'POST') ?? {};
    const isEither = facts?.queryOrBody === true;
    for (const name of names) {
      const twice = `${asForm({ ...valid(), [name]: 'a' })}&${name}=a`;
      const parts = multipart(part(name, 'a'), part(name, 'a')).toString();
      const answers = [
        await send(FORM, twice),
        await send(MULTIPART, parts),
        await send(FORM, asForm(valid()), `?${name}=a&${name}=a`),
        ...(isEither ? [await send(FORM, asForm({ ...valid(), [name]: 'a' }), `?${name}=a`)] : []),
      ];
      for (const { status, text } of answers) {
        expect({ name, status }).toEqual({ name, status: 400 });
        expect(text).toContain('A parameter is given more than once');
      }
    }
    expect(await countRows(test)).toEqual(before);
  });
});
