import type { Config } from '../config/config.js';

/** A person's page and identity on this instance: `url` of the account, `me` of its tokens, `sub` of userinfo. */
export function profileUrl(config: Config, username: string): string {
  return config.url(`/users/${username}`);
}

/** The picture of everybody: there are no uploads. */
export function avatarUrl(config: Config): string {
  return config.url('/assets/avatar.svg');
}

/** The banner of everybody. */
export function headerUrl(config: Config): string {
  return config.url('/assets/header.svg');
}
