import { type Acct, parseAcct } from './acct.js';

/** What of a JSON Resource Descriptor is needed (RFC 7033 §4.4). */
export interface ResourceDescriptor {
  subject: Acct;
  /** The actor's id. */
  uri: string;
  /** The profile page, or null. */
  url: string | null;
}

/** More links than these are not looked at; real answers have about five. */
const MAX_LINKS = 100;

/** In UTF-16 units; longer addresses are as good as none. */
const MAX_URL_LENGTH = 2048;

/** How an actor is linked; `ld+json` with the profile of Activity Streams is the same (ActivityPub §3.2). */
const ACTOR_TYPES: ReadonlySet<string | undefined> = new Set(['application/activity+json', 'application/ld+json']);

const PROFILE_PAGE = 'http://webfinger.net/rel/profile-page';

interface Link {
  rel: string;
  type: string | undefined;
  href: string;
}

/**
 * Reads the answer of a host; null where it names no account, or no actor of it.
 * @param isAllowed says of an address whether it may be linked
 */
export function readDescriptor(json: unknown, isAllowed: (url: URL) => boolean): ResourceDescriptor | null {
  if (!isObject(json) || !('subject' in json) || !('links' in json)) return null;
  const { subject: name, links } = json;
  const subject = typeof name === 'string' ? parseAcct(name) : null;
  if (!subject || !Array.isArray(links)) return null;
  const good = links
    .slice(0, MAX_LINKS)
    .map(readLink)
    .filter((link) => link !== null)
    .filter(({ href }) => isGoodUrl(href, isAllowed));
  const uri = good.find(({ rel, type }) => rel === 'self' && ACTOR_TYPES.has(type))?.href;
  if (uri === undefined) return null;
  return { subject, uri, url: good.find(({ rel }) => rel === PROFILE_PAGE)?.href ?? null };
}

function readLink(link: unknown): Link | null {
  if (!isObject(link) || !('rel' in link) || !('href' in link)) return null;
  const { rel, href } = link;
  if (typeof rel !== 'string' || typeof href !== 'string') return null;
  const type = 'type' in link && typeof link.type === 'string' ? link.type : undefined;
  return { rel, href, type: type?.split(';', 1)[0]?.trim().toLowerCase() };
}

/** Kept as it is spelled, because ids are compared so; hence nothing in it that `URL` overlooks and databases do not. */
function isGoodUrl(href: string, isAllowed: (url: URL) => boolean): boolean {
  if (href.length > MAX_URL_LENGTH || /[\s\p{Cc}]/u.test(href) || !href.isWellFormed()) return false;
  const url = URL.parse(href);
  return url !== null && isAllowed(url);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
