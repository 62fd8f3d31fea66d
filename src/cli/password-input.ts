import { createInterface } from 'node:readline/promises';
import askPassword from '@inquirer/password';
import { Mistake } from './mistake.js';

/** Reads a password from the terminal without showing it, or from standard input; never from an argument, which others can see. */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (!fromStdin) {
    const password = await askPassword({ message: 'Password', mask: '*' });
    const again = await askPassword({ message: 'Once more', mask: '*' });
    if (password !== again) throw new Mistake('The two passwords differ');
    return password;
  }
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  throw new Mistake('Standard input is empty');
}
