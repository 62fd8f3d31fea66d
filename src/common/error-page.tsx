import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import type { Refusal } from './errors.js';
import { Document } from './html-document.js';

/** The page of a refusal: the same status and sentence as the JSON answer (contract.md §0.6), and what a person can do. */
export function errorPage(config: Config, status: number, { code, message }: Refusal): VNode {
  const { heading, advice } = code === 'link_invalid' ? USED_UP : explain(status);
  return (
    <Document title={heading} config={config}>
      <section class="card">
        <h1>{heading}</h1>
        <p class="notice problem" role="alert">
          {message}
        </p>
        <p>{advice}</p>
        <p>
          <a href={config.frontend.routes.home}>Back to the start</a>
        </p>
      </section>
    </Document>
  );
}

const USED_UP = {
  heading: 'This link is used up',
  advice: 'Links from mails work once, and for a limited time. If you still need it, ask for a new one.',
};

function explain(status: number): { heading: string; advice: string } {
  switch (status) {
    case 403:
      return { heading: 'Not allowed', advice: 'If you sent a form, open its page again and send it from there.' };
    case 404:
      return { heading: 'Nothing here', advice: 'There is nothing at this address, or it is not yours to see.' };
    case 429:
      return { heading: 'Too many attempts', advice: 'Please wait some minutes, then try again.' };
    case 503:
      return { heading: 'Please try again', advice: 'Something we need is away for the moment. Nothing was lost.' };
    default:
      return status < 500
        ? { heading: 'That did not work', advice: 'Go back and try again, or start anew in your app.' }
        : { heading: 'Something went wrong', advice: 'This is our fault, not yours. Please try again later.' };
  }
}
