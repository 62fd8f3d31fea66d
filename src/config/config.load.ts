import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { plainToInstance } from 'class-transformer';
import { isIP } from 'node:net';
import { validateSync, type ValidationError } from 'class-validator';
import { parse } from 'yaml';
import { Config, FileConfig, LOG_LEVELS, type LogLevel, type TrustProxy } from './config.js';

/** Refusal to start: names every bad key in one message (security.md D24). */
export class ConfigError extends Error {
  constructor(readonly problems: string[]) {
    super(
      `Gatehouse cannot start, the configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/**
 * Reads the YAML file and the environment into one validated value.
 * @throws ConfigError naming every bad key
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const problems: string[] = [];
  const file = readConfigFile(env, problems);
  const config = Object.assign(new Config(), file);
  readEnvironment(env, config, problems);
  if (config.sso.forced && config.sso.providers.length === 0) {
    problems.push('sso.forced: nobody could sign in without a provider');
  }
  if (problems.length > 0) throw new ConfigError(problems);
  // Last, because it may write: a start that is refused leaves no file behind.
  config.secretKey = env['SECRET_KEY'] || keptSecretKey(config.dataDir);
  return config;
}

function readConfigFile(env: NodeJS.ProcessEnv, problems: string[]): FileConfig {
  const path = env['GATEHOUSE_CONFIG'] || './gatehouse.yaml';
  const text = readOptionalFile(path, env['GATEHOUSE_CONFIG'] !== undefined, problems);
  const tree = parseYaml(text, path, problems);
  const interpolated = interpolate(tree ?? {}, env, '', problems);
  if (typeof interpolated !== 'object' || interpolated === null || Array.isArray(interpolated)) {
    problems.push(`${path}: the file must hold keys at its top level`);
    return new FileConfig();
  }
  const file = plainToInstance(FileConfig, interpolated);
  const errors = validateSync(file, { whitelist: true, forbidNonWhitelisted: true });
  problems.push(...errors.flatMap((error) => describe(error, '')));
  return file;
}

function readOptionalFile(path: string, required: boolean, problems: string[]): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (required || !hasCode(error, 'ENOENT')) problems.push(`GATEHOUSE_CONFIG: ${path} cannot be read`);
    return '';
  }
}

function parseYaml(text: string, path: string, problems: string[]): unknown {
  try {
    return parse(text);
  } catch (error) {
    problems.push(`${path}: not valid YAML (${error instanceof Error ? error.message.split('\n')[0] : 'unreadable'})`);
    return {};
  }
}

/** Replaces `${NAME}` in every string value, so that secrets need not stand in the file. */
function interpolate(value: unknown, env: NodeJS.ProcessEnv, path: string, problems: string[]): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = env[name];
      if (found === undefined) problems.push(`${path}: the environment variable ${name} is not set`);
      return found ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item, index) => interpolate(item, env, `${path}[${index}]`, problems));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, interpolate(item, env, path ? `${path}.${key}` : key, problems)]),
    );
  }
  return value;
}

function describe(error: ValidationError, parent: string): string[] {
  const path = parent ? `${parent}.${error.property}` : error.property;
  const own = Object.entries(error.constraints ?? {}).map(([kind, text]) =>
    kind === 'whitelistValidation' ? `${path}: unknown key` : `${path}: ${text}`,
  );
  return [...own, ...(error.children ?? []).flatMap((child) => describe(child, path))];
}

function readEnvironment(env: NodeJS.ProcessEnv, config: Config, problems: string[]): void {
  const port = env['PORT'] || '3000';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) problems.push('PORT: must be a port number');
  config.port = Number(port);
  config.host = env['HOST'] || '127.0.0.1';
  config.dataDir = resolve(env['DATA_DIR'] || './data');
  config.publicUrl = readPublicUrl(env['PUBLIC_URL'] || 'http://localhost:3000', problems);
  config.smtpUrl = readSmtpUrl(env['SMTP_URL'], problems);
  config.databaseUrl = readDatabaseUrl(env['DATABASE_URL'], problems);
  config.trustProxy = readTrustProxy(env['TRUST_PROXY'], problems);
  config.logLevel = readLogLevel(env['LOG_LEVEL'] || 'info', problems);
  config.previousSecretKey = env['SECRET_KEY_PREVIOUS'] || null;
  for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS']) {
    const secret = env[name];
    if (secret && secret.length < 32) problems.push(`${name}: must have at least 32 characters`);
  }
}

function readPublicUrl(value: string, problems: string[]): string {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.hash || url.username) {
    problems.push('PUBLIC_URL: must be an http or https origin without a path');
    return 'http://localhost:3000';
  }
  return url.origin;
}

function readSmtpUrl(value: string | undefined, problems: string[]): string | null {
  if (!value) return null;
  const url = URL.parse(value);
  if (!url || !/^smtps?:$/.test(url.protocol) || url.hostname === '') {
    problems.push('SMTP_URL: must be an smtp:// or smtps:// URL with a host');
  }
  return value;
}

function readDatabaseUrl(value: string | undefined, problems: string[]): string | null {
  if (!value) return null;
  if (!/^postgres(ql)?:$/.test(URL.parse(value)?.protocol ?? '')) {
    problems.push('DATABASE_URL: must be a postgresql:// URL');
  }
  return value;
}

/** `off`, a number of hops, or a list of addresses and ranges; never "trust everybody" (security.md R2). */
function readTrustProxy(value: string | undefined, problems: string[]): TrustProxy {
  if (!value || value === 'off') return false;
  if (/^[1-9]\d?$/.test(value)) return Number(value);
  const ranges = value.split(',').map((item) => item.trim());
  const known = new Set(['loopback', 'linklocal', 'uniquelocal']);
  if (ranges.every((item) => known.has(item) || isAddressRange(item))) return ranges;
  problems.push('TRUST_PROXY: must be off, a number of hops, or a list of proxy addresses and ranges');
  return false;
}

function isAddressRange(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128))
  );
}

function readLogLevel(value: string, problems: string[]): LogLevel {
  const level = LOG_LEVELS.find((known) => known === value);
  if (!level) problems.push(`LOG_LEVEL: must be one of ${LOG_LEVELS.join(', ')}`);
  return level ?? 'info';
}

/** The key that was generated at the first start; two first starts at once agree on one file. */
function keptSecretKey(dataDir: string): string {
  const path = join(dataDir, 'secret.key');
  if (!existsSync(path)) writeOnce(path, randomBytes(32).toString('base64url'));
  return readFileSync(path, 'utf8').trim();
}

/** Linking a finished file into place is atomic: nobody ever reads half a key. */
function writeOnce(path: string, content: string): void {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, content, { mode: 0o600 });
    linkSync(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw new ConfigError([`DATA_DIR: ${path} cannot be written`]);
  } finally {
    rmSync(draft, { force: true });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
