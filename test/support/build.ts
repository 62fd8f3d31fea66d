import { execFile } from 'node:child_process';
import { globSync, mkdirSync, rmdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inject } from 'vitest';

/** Where the programs are built and run. */
export const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Builds `dist/` unless it is newer than the sources. One file at a time: two that build at once would run each other's
 * half-written programs.
 */
export async function buildPrograms(): Promise<void> {
  const lock = join(inject('runFolder'), 'building');
  const stamp = join(inject('runFolder'), 'built');
  await until(() => mkdirSync(lock));
  try {
    const begun = new Date();
    if (isNewest(stamp)) return;
    await promisify(execFile)('npm', ['run', 'build', '--silent'], { cwd: ROOT });
    writeFileSync(stamp, '');
    utimesSync(stamp, begun, begun);
  } finally {
    rmdirSync(lock);
  }
}

function isNewest(stamp: string): boolean {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return globSync('src/**/*', { cwd: ROOT }).every((file) => statSync(join(ROOT, file)).mtimeMs < built);
}

async function until(work: () => void): Promise<void> {
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await pause(50);
    }
  }
}
