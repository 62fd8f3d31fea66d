import Bowser from 'bowser';

/** What a person calls the program and machine behind a `User-Agent`, such as "Firefox on Linux"; null when it tells nothing. */
export function deviceName(userAgent: string | null): string | null {
  if (!userAgent) return null;
  const { browser, os } = Bowser.parse(userAgent);
  const names = [browser.name, os.name].filter((name) => name !== undefined && name !== '');
  return names.length === 0 ? null : names.join(' on ');
}
