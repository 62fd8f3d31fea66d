import type { FastifyReply } from 'fastify';
import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';
import type { Config } from '../config/config.js';

/** What the frame of a page needs to know. */
export interface DocumentProps {
  title: string;
  config: Config;
  /** Seconds after which the browser loads the page again, because something goes on. */
  refresh?: number;
  children?: ComponentChildren;
}

/** Where the one style sheet of our pages is served. */
export const STYLESHEET = '/assets/gatehouse.css';

/** The frame of every page we serve: head, instance name, content, way to the API. No script, no inline style. */
export function Document({ title, config, refresh, children }: DocumentProps): VNode {
  const { instance, frontend } = config;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        {refresh !== undefined && <meta http-equiv="refresh" content={String(refresh)} />}
        <title>{`${title} · ${instance.title}`}</title>
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href={STYLESHEET} />
      </head>
      <body>
        <header class="site">
          <a href={frontend.routes.home}>
            <img src="/assets/icon.svg" alt="" width="28" height="28" />
            <span>{instance.title}</span>
          </a>
        </header>
        <main>{children}</main>
        <footer class="site">
          <span>{config.domain}</span>
          <a href="/docs">API documentation</a>
        </footer>
      </body>
    </html>
  );
}

/** What may be different about the answer that carries a page. */
export interface PageOptions {
  status?: number;
  /** Sources outside our origin where a form of this page may end. */
  formTargets?: readonly string[];
}

/** Answers with a page. */
export function sendPage(
  reply: FastifyReply,
  config: Config,
  page: VNode,
  { status = 200, formTargets = [] }: PageOptions = {},
): void {
  void reply
    .code(status)
    .headers(pageHeaders(config, formTargets))
    .send(`<!doctype html>${render(page)}`);
}

/** Contract.md §0.8. Browsers apply `form-action` to each redirect that follows a form post, not only to its own URL. */
function pageHeaders(config: Config, formTargets: readonly string[]): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; base-uri 'none'; " +
      `frame-ancestors 'none'; form-action ${["'self'", ...formTargets].join(' ')}`,
    ...(!isTrustworthy(config.publicUrl) && { 'referrer-policy': 'same-origin' }),
  };
}

/**
 * Whether browsers send `Sec-Fetch-*` to this origin. Where they do not, the cross-site check needs an `Origin`, and
 * `no-referrer` would turn that into `null`.
 */
function isTrustworthy(origin: string): boolean {
  return /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin);
}
