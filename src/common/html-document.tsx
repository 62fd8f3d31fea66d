import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';

/** What the frame of a page needs to know. */
export interface DocumentProps {
  title: string;
  /** The instance's title, shown above every page. */
  instance: string;
  children?: ComponentChildren;
}

/** Where the one style sheet of our pages is served. */
export const STYLESHEET = '/assets/gatehouse.css';

/** The frame of every page we serve: head, instance name, content. No script, no inline style. */
export function Document({ title, instance, children }: DocumentProps): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · ${instance}`}</title>
        <link rel="stylesheet" href={STYLESHEET} />
      </head>
      <body>
        <header class="site">
          <a href="/">{instance}</a>
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
}

/** Renders a page to a string. */
export function renderDocument(page: VNode): string {
  return `<!doctype html>${render(page)}`;
}
