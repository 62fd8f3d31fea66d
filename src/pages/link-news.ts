import { plainText } from './login-problem.js';

/** How linking an identity ended, as the home page tells it (contract.md §3.7). */
export interface LinkNews {
  isGood: boolean;
  /** Our own words for the title. */
  title: string;
  /** The sentence from the URL, as plain text; anybody can have written it. */
  description: string | null;
}

const TITLES = new Map([
  ['Account linking error', 'The account could not be linked.'],
  ['Account already linked', 'This is linked already.'],
]);

/** Reads what a link flow left in the URL of the home page, or null. */
export function readLinkNews(query: {
  oidc_account_linked?: unknown;
  oidc_account_linking_error?: unknown;
  oidc_account_linking_error_message?: unknown;
}): LinkNews | null {
  const { oidc_account_linked: linked, oidc_account_linking_error: error } = query;
  const message = query.oidc_account_linking_error_message;
  if (error !== undefined) {
    const title = (typeof error === 'string' ? TITLES.get(error) : undefined) ?? 'The account could not be linked.';
    return { isGood: false, title, description: typeof message === 'string' ? plainText(message) : null };
  }
  return linked === 'true' ? { isGood: true, title: 'Linked', description: null } : null;
}
