import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** The floors from the ground up. A room may import from itself and from lower floors; floor 0 also from `common/`. */
const FLOORS = [
  ['config'],
  ['common', 'audit', 'limits', 'database', 'outgoing'],
  ['jobs', 'letters', 'lists', 'webfinger'],
  ['mail', 'passwords'],
  ['users', 'applications'],
  ['browsers', 'providers'],
  ['sessions', 'relationships'],
  ['passkeys', 'identities'],
  ['mfa'],
  [
    'access',
    'account',
    'accounts',
    'backups',
    'factor-recovery',
    'imports',
    'recovery',
    'registration',
    'frontend-config',
    'instance',
  ],
  ['oauth', 'mail-links', 'import-routes', 'import-work'],
  ['auth'],
  ['sso-flows'],
  ['sso-registration', 'sso-links'],
  ['sso'],
  ['pages'],
  ['sso-pages'],
  ['settings'],
  ['security-settings', 'import-settings'],
  ['cli'],
];

interface Import {
  file: string;
  from: string;
  to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sourceFiles(path) : /\.tsx?$/.test(name) ? [path] : [];
  });
}

/** The room of a file; the roof, where files stand in no room, is null. */
function roomOf(path: string): string | null {
  const [first, ...rest] = relative(SRC, path).split('/');
  return rest.length === 0 ? null : (first ?? null);
}

function importsOf(path: string): Import[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'), true, true);
  const from = roomOf(path);
  if (from === null) return [];
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => ({
      file: relative(SRC, path),
      from,
      to: roomOf(resolve(dirname(path), fileName)) ?? '(roof)',
    }));
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const [floor, below] = [from, to].map((room) => FLOORS.findIndex((rooms) => rooms.includes(room)));
  if (floor === undefined || below === undefined || below === -1) return false;
  return below < floor || (floor === 1 && to === 'common');
}

describe('the floor plan', () => {
  const files = sourceFiles(SRC);

  it('gives every room a floor', () => {
    const rooms = readdirSync(SRC).filter((name) => statSync(join(SRC, name)).isDirectory());
    expect(rooms.filter((room) => !FLOORS.flat().includes(room))).toEqual([]);
  });

  it('imports only downwards, never a neighbour, never the roof', () => {
    const climbing = files.flatMap(importsOf).filter(({ from, to }) => !mayImport(from, to));
    expect(climbing).toEqual([]);
  });

  it('would notice an import that climbs', () => {
    expect(mayImport('users', 'sessions')).toBe(false);
    expect(mayImport('account', 'instance')).toBe(false);
    expect(mayImport('audit', 'limits')).toBe(false);
    expect(mayImport('auth', '(roof)')).toBe(false);
    expect(mayImport('audit', 'common')).toBe(true);
    expect(mayImport('pages', 'config')).toBe(true);
  });

  it('keeps rooms flat, but for migrations and assets', () => {
    const deep = files.map((file) => relative(SRC, file)).filter((file) => file.split('/').length > 2);
    expect(deep.filter((file) => !file.startsWith('database/migrations/'))).toEqual([]);
  });

  it('keeps files short', () => {
    const long = files.filter(
      (file) => !file.includes('/migrations/') && readFileSync(file, 'utf8').split('\n').length > 250,
    );
    expect(long.map((file) => basename(file))).toEqual([]);
  });

  it('says in one sentence what every export is responsible for', () => {
    const silent = files.filter((file) => !/\.spec\.tsx?$|migrations\//.test(file)).flatMap(undocumentedExports);
    expect(silent).toEqual([]);
  });
});

/** Exported declarations without a doc comment. */
function undocumentedExports(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements
    .filter(
      (statement) =>
        ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
    )
    .filter((statement) => ts.getJSDocCommentsAndTags(statement).length === 0)
    .map((statement) => `${relative(SRC, path)}: ${statement.getText().split('\n', 1)[0]}`);
}
