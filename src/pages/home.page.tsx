import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import type { LinkNews } from './link-news.js';
import { Alert, Foreign } from './parts.js';

/** The front page: what this is, and where to go from here. */
export function HomePage({ config, news }: { config: Config; news: LinkNews | null }): VNode {
  const { instance, frontend } = config;
  return (
    <Document title="Welcome" config={config}>
      <section class="card">
        <h1>{instance.title}</h1>
        {news && (news.isGood ? <Linked /> : <NotLinked news={news} />)}
        <p class="lead">
          {instance.description ||
            instance.short_description ||
            `The front door of ${config.domain}: one account for the apps you like.`}
        </p>
        <p>
          Open an app that knows this server and choose to sign in: it brings you here to say who you are, and you
          decide what it may do. Your password stays here.
        </p>
        <nav class="actions" aria-label="Where to go">
          <a class="button" href="/settings">
            Sign in to your settings
          </a>
          {config.registersByPassword && (
            <a class="button quiet" href={frontend.routes.register}>
              Create an account
            </a>
          )}
        </nav>
      </section>
      <section class="card">
        <h2>For developers</h2>
        <p>
          Sign-in is OAuth 2. Every route is described, and can be tried, in the <a href="/docs">API documentation</a>.
        </p>
      </section>
    </Document>
  );
}

function Linked(): VNode {
  return (
    <output class="notice done">
      Your account is linked. From now on you can sign in that way, too.{' '}
      <a href="/settings/security">Back to the settings</a>
    </output>
  );
}

function NotLinked({ news }: { news: LinkNews }): VNode {
  return (
    <Alert>
      <p>{news.title}</p>
      {news.description !== null && (
        <p class="detail">
          <Foreign>{news.description}</Foreign>
        </p>
      )}
      <p>
        <a href="/settings/security">Back to the settings</a>
      </p>
    </Alert>
  );
}
