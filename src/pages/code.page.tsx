import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import { Alert } from './parts.js';

/** Shows an out-of-band code to be copied into the app (contract.md §3.1). */
export function CodePage({ config, code }: { config: Config; code: string }): VNode {
  return (
    <Document title="Your code" config={config}>
      <section class="card">
        <h1>Copy this code</h1>
        <p class="lead">Paste it into the app that asked for it. It is good for one minute, and once.</p>
        <p>
          <code class="copy">{code}</code>
        </p>
        <p class="aside">Give it to nobody else: whoever has it can use your account through that app.</p>
      </section>
    </Document>
  );
}

/** The same page where there is no code: the request was denied or refused. */
export function NoCodePage({ config, isDenied }: { config: Config; isDenied: boolean }): VNode {
  return (
    <Document title="No code" config={config}>
      <section class="card">
        <h1>{isDenied ? 'You said no' : 'There is no code'}</h1>
        <Alert>{isDenied ? 'The app was not let in.' : 'The app’s request was refused.'}</Alert>
        <p>You can close this page.</p>
        <p>
          <a href={config.frontend.routes.home}>Back to the start</a>
        </p>
      </section>
    </Document>
  );
}
