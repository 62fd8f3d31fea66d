import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { FileConfig } from './config.js';
import { ConfigError, loadConfig } from './config.load.js';
import { seconds } from './units.js';

const EXAMPLE = new URL('../../gatehouse.example.yaml', import.meta.url);

function load(yaml: string, env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  const path = join(folder, 'gatehouse.yaml');
  writeFileSync(path, yaml);
  return loadConfig({ GATEHOUSE_CONFIG: path, DATA_DIR: join(folder, 'data'), ...env });
}

function problemsOf(yaml: string, env: NodeJS.ProcessEnv = {}): string[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** Every leaf path of a tree, arrays and nulls included. */
function paths(tree: object, parent = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = parent ? `${parent}.${key}` : key;
    const isSection =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return isSection ? paths(value, path) : [path];
  });
}

describe('gatehouse.example.yaml', () => {
  it('names every key of the schema and no other', () => {
    const example = parse(readFileSync(EXAMPLE, 'utf8')) as object;
    expect(paths(example).toSorted()).toEqual(paths(new FileConfig()).toSorted());
  });

  it('loads as it stands and says the defaults', () => {
    const { instance, registrations, frontend, oauth, accounts, mfa, sso, security, imports, mail, limits } = load(
      readFileSync(EXAMPLE, 'utf8'),
    );
    expect({ instance, registrations, frontend, oauth, accounts, mfa, sso, security, imports, mail, limits }).toEqual({
      ...new FileConfig(),
    });
  });

  it('has a sentence for every key', () => {
    const bare = readFileSync(EXAMPLE, 'utf8')
      .split('\n')
      .filter((line) => /^\s+\w+:/.test(line) && !line.includes('#') && !/^ {4}/.test(line));
    expect(bare).toEqual([]);
  });
});

describe('loadConfig', () => {
  it('takes defaults for an absent file', () => {
    const config = loadConfig({ DATA_DIR: mkdtempSync(join(tmpdir(), 'gatehouse-config-')) });
    expect(config).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      publicUrl: 'http://localhost:3000',
      databaseUrl: null,
      trustProxy: false,
    });
    expect(config.domain).toBe('localhost:3000');
  });

  it('names every bad key of file and environment in one message', () => {
    const problems = problemsOf(
      'instance: {titel: x, email: nobody}\noauth: {access_token_idle: soon, session_delete_status: 204}\nlimits: {token_requests: {points: -1}}\nfrontend: {origins: [ftp://x]}\nnonsense: 1',
      {
        PORT: '99999',
        PUBLIC_URL: 'https://x.example/path',
        DATABASE_URL: 'mysql://x',
        SMTP_URL: 'mailto:x',
        TRUST_PROXY: 'true',
        SECRET_KEY: 'short',
        LOG_LEVEL: 'loud',
      },
    );
    for (const key of [
      'instance.titel',
      'instance.email',
      'oauth.access_token_idle',
      'oauth.session_delete_status',
      'limits.token_requests.points',
      'frontend.origins',
      'nonsense',
      'PORT',
      'PUBLIC_URL',
      'DATABASE_URL',
      'SMTP_URL',
      'TRUST_PROXY',
      'SECRET_KEY',
      'LOG_LEVEL',
    ]) {
      expect(
        problems.filter((problem) => problem.startsWith(`${key}:`)),
        key,
      ).not.toEqual([]);
    }
  });

  it.each([
    ['a list at the top', '- a'],
    ['a section that is null', 'instance: null'],
    ['a section that is a word', 'oauth: yes please'],
    ['broken YAML', 'instance: [unclosed'],
    ['an unset variable', 'instance: {title: "${NOT_SET_ANYWHERE}"}'],
  ])('refuses %s', (_, yaml) => {
    expect(problemsOf(yaml)).not.toEqual([]);
  });

  it('refuses a file that was named and is not there', () => {
    expect(() => loadConfig({ GATEHOUSE_CONFIG: '/nonexistent/gatehouse.yaml' })).toThrow('GATEHOUSE_CONFIG');
  });

  it('puts environment variables into values', () => {
    expect(load('instance: {title: "House of ${OWNER}"}', { OWNER: 'Ada' }).instance.title).toBe('House of Ada');
  });

  it.each([
    ['', {}, false],
    ['', { SMTP_URL: 'smtp://user:p%40ss@mail.example:587' }, true],
    ['registrations: {confirm_email: false}', { SMTP_URL: 'smtps://mail.example' }, false],
    ['registrations: {confirm_email: true}', {}, true],
  ])('has addresses confirmed where there is mail, unless the file says otherwise (%s %o)', (yaml, env, expected) => {
    expect(load(yaml, env).confirmsEmail).toBe(expected);
  });

  it.each([
    ['off', false],
    ['2', 2],
    ['10.0.0.0/8, 192.0.2.1', ['10.0.0.0/8', '192.0.2.1']],
    ['loopback', ['loopback']],
  ])('reads TRUST_PROXY=%s', (value, expected) => {
    expect(load('', { TRUST_PROXY: value }).trustProxy).toEqual(expected);
  });

  it.each(['yes', 'true', '*', '0.0.0.0/0', '::/0', 'example.org'])(
    'refuses to trust everybody or nonsense: TRUST_PROXY=%s',
    (value) => {
      expect(problemsOf('', { TRUST_PROXY: value })).toHaveLength(1);
    },
  );

  it('generates a secret key once, readable by its owner only', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
    const first = loadConfig({ DATA_DIR: folder }).secretKey;
    expect(first).toMatch(/^[\w-]{43}$/);
    expect(loadConfig({ DATA_DIR: folder }).secretKey).toBe(first);
    expect(statSync(join(folder, 'secret.key')).mode & 0o777).toBe(0o600);
  });
});

describe('units', () => {
  it.each([
    ['30', 30],
    [30, 30],
    ['30s', 30],
    ['10m', 600],
    ['72h', 259_200],
    ['90d', 7_776_000],
    ['-1s', '-1s'],
    ['1w', '1w'],
  ])('reads %s as seconds', (value, expected) => {
    expect(seconds(value)).toBe(expected);
  });
});
