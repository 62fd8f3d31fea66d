/** Loaded when somebody first chooses a password: a start need not wait for fifty thousand words. */
let common: Promise<ReadonlySet<string>> | null = null;

/**
 * Whether a password is one of the commonest: the list of zxcvbn-ts (npm `@zxcvbn-ts/language-common`, MIT), about 49,000
 * words by frequency, read offline (contract.md §0.10, security.md R85).
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  common ??= import('@zxcvbn-ts/language-common').then(({ dictionary }) => new Set(dictionary['passwords-common']));
  return (await common).has(password.toLowerCase());
}
