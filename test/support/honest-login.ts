/** How many pages and redirects there are at most between a client and its callback. */
const MAX_HOPS = 15;

interface Cookie {
  name: string;
  value: string;
  path: string;
}

/** What is done with a page: where it is sent, by GET when there is no form. */
interface Step {
  url: string;
  form?: URLSearchParams;
}

/** Signs somebody in there, in a browser of their own, and answers the callback URL, which is not asked. */
export async function walkHonestLogin(authorizationUrl: string | URL, login: string): Promise<string> {
  return new HonestBrowser().signIn(authorizationUrl, login);
}

/** Somebody who says no, before they have signed in. */
export async function walkHonestRefusal(authorizationUrl: string | URL): Promise<string> {
  return new HonestBrowser().refuse(authorizationUrl);
}

/** A browser at an honest issuer; who has signed in there is known the next time. It asks no other host. */
export class HonestBrowser {
  private cookies: Cookie[] = [];

  /** Signs in unless that is done, consents, and answers the callback URL, which is not asked. */
  async signIn(authorizationUrl: string | URL, login: string): Promise<string> {
    return this.walk(authorizationUrl, (html) => submission(html, login));
  }

  /** Says no: at the login page or, with a login, when asked to consent. */
  async refuse(authorizationUrl: string | URL, login?: string): Promise<string> {
    return this.walk(authorizationUrl, (html) =>
      login !== undefined && html.includes('name="login"')
        ? submission(html, login)
        : { url: attribute(html, /href="([^"]*\/abort)"/) },
    );
  }

  /** Signs out there, and answers where that ends: at a page of the issuer or at the client. */
  async signOut(logoutUrl: string | URL): Promise<string> {
    return this.walk(logoutUrl, (html) =>
      html.includes('op.logoutForm')
        ? {
            url: attribute(html, /action="([^"]*)"/),
            form: new URLSearchParams({ xsrf: attribute(html, /name="xsrf" value="([^"]*)"/), logout: 'yes' }),
          }
        : null,
    );
  }

  /** Follows pages and redirects until they lead to another origin, or nothing is left to do. */
  private async walk(start: string | URL, act: (html: string) => Step | null): Promise<string> {
    const { origin } = new URL(start);
    let step: Step = { url: new URL(start).href };
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const response = await this.ask(step);
      const location = response.headers.get('location');
      if (location === null) {
        const html = await response.text();
        if (!response.ok) throw new Error(`The provider answered ${response.status}: ${html}`);
        const next = act(html);
        if (next === null) return step.url;
        step = { ...next, url: new URL(next.url, step.url).href };
      } else {
        await response.body?.cancel();
        step = { url: new URL(location, step.url).href };
        if (new URL(step.url).origin !== origin) return step.url;
      }
    }
    throw new Error(`The provider leads in a circle, at last to ${step.url}: is there such an account?`);
  }

  private async ask({ url, form }: Step): Promise<Response> {
    const { pathname } = new URL(url);
    const cookie = this.cookies
      .filter(({ path }) => pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form && { method: 'POST', body: form }),
    });
    for (const line of response.headers.getSetCookie()) this.keep(line);
    return response;
  }

  /** RFC 6265 §5.3, as much of it as is needed. */
  private keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const [name = '', value = ''] = pair.split('=', 2);
    const read = (wanted: string) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const path = read('path') ?? '/';
    const isOver = new Date(read('expires') ?? 'invalid').getTime() <= Date.now();
    this.cookies = this.cookies.filter((cookie) => cookie.name !== name || cookie.path !== path);
    if (!isOver) this.cookies.push({ name, value, path });
  }
}

/** What the button of a login or consent page sends. */
function submission(html: string, login: string): Step {
  const prompt = attribute(html, /name="prompt" value="([^"]*)"/);
  const form = new URLSearchParams(prompt === 'login' ? { prompt, login, password: 'any' } : { prompt });
  return { url: attribute(html, /action="([^"]*)"/), form };
}

function attribute(html: string, pattern: RegExp): string {
  const [, value] = pattern.exec(html) ?? [];
  if (value === undefined) throw new Error(`The provider's page has no ${pattern.source}: ${html}`);
  return value.replaceAll('&amp;', '&');
}
