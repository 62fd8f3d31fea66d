/**
 * Prints how many passwords this machine checks in a second when it does nothing else: the best of 1, 2, 4 and 8 at
 * once, with the parameters of the program (Argon2id, 19 MiB, two passes). Run with UV_THREADPOOL_SIZE=8.
 */
import { performance } from 'node:perf_hooks';
import { hash, verify } from '@node-rs/argon2';

const MILLISECONDS = Number(process.argv[2] ?? 1000);
const stored = await hash('a password', { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });

async function rateOf(atOnce: number): Promise<number> {
  const start = performance.now();
  let checked = 0;
  const checkOneByOne = async () => {
    while (performance.now() - start < MILLISECONDS) {
      await verify(stored, 'a password');
      checked++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, checkOneByOne));
  return (checked * 1000) / (performance.now() - start);
}

const rates: Record<string, number> = {};
for (const atOnce of [1, 2, 4, 8]) rates[atOnce] = await rateOf(atOnce);
process.stdout.write(JSON.stringify(rates));
