import Bowser from 'bowser';

/** A `User-Agent` is kept this long, and read no further. */
const MAX_LENGTH = 256;

/** Names that were found, by what they were found in; a person's sessions mostly come from the same few programs. */
const MAX_CACHED = 500;
const cached = new Map<string, string | null>();

/**
 * What an app calls itself: the first product of its `User-Agent` (RFC 9110 §10.1.5). Letters and digits only, because a
 * mail program would make a link of a name with a dot.
 */
const APP_NAME = /^([A-Za-z][\w-]{0,39})(?:[/ ]|$)/;

/** What a person calls the program and machine behind a `User-Agent`, such as "Firefox on Linux"; null when it tells nothing. */
export function deviceName(userAgent: string | null): string | null {
  if (!userAgent) return null;
  const text = userAgent.slice(0, MAX_LENGTH);
  const known = cached.get(text);
  if (known !== undefined) return known;
  if (cached.size >= MAX_CACHED) cached.clear();
  const name = readDevice(text);
  cached.set(text, name);
  return name;
}

function readDevice(userAgent: string): string | null {
  const { browser, os } = Bowser.parse(userAgent);
  const program = userAgent.startsWith('Mozilla/') ? browserName(browser.name) : appName(userAgent);
  return [program, os.name].filter(Boolean).join(' on ') || null;
}

/** Bowser makes a name of what it does not know, too. */
function browserName(name: string | undefined): string | null {
  return name !== undefined && Object.values<string>(Bowser.BROWSER_MAP).includes(name) ? name : null;
}

/** Everything but a browser names itself; Bowser would take an app on Android for the browser of Android. */
function appName(userAgent: string): string | null {
  return APP_NAME.exec(userAgent)?.[1] ?? null;
}
