import type { Config } from '../config/config.js';
import type { LetterLinks } from '../letters/letter.js';

/** A letter needs its token, and the outbox does not hold it any more. */
export class TokenGone extends Error {
  constructor() {
    super('The link of this mail is gone');
  }
}

/** What letters of this instance link to; the links with a token need one. */
export function letterLinks(config: Config, token: string | null): LetterLinks {
  const { frontend, instance } = config;
  const resetPage = config.url(frontend.routes.password_reset);
  return {
    get act() {
      return config.url(`/auth/link/${present(token)}`);
    },
    get reset() {
      return `${resetPage}?token=${present(token)}`;
    },
    forgotten: resetPage,
    // Another frontend has settings of its own, which we do not know.
    settings: config.url(frontend.builtin ? '/settings' : frontend.routes.home),
    domain: config.domain,
    title: instance.title,
    contact: instance.email,
  };
}

function present(token: string | null): string {
  if (token === null) throw new TokenGone();
  return token;
}
