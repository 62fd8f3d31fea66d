import type { ComponentChildren, VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';

/** The screens of the settings, in the order of their links. */
const SCREENS = [
  { path: '/settings', name: 'Sessions' },
  { path: '/settings/account', name: 'Account' },
  { path: '/settings/security', name: 'Security' },
  { path: '/settings/imports', name: 'Imports' },
  { path: '/settings/journal', name: 'Journal' },
] as const;

/** What every screen knows. */
export interface SettingsFrameProps {
  config: Config;
  username: string;
  /** Which screen it is. */
  screen: (typeof SCREENS)[number]['name'];
  /** Seconds after which the browser loads the screen again. */
  refresh?: number;
  children?: ComponentChildren;
}

/** The frame of every screen: who is signed in, the way out, the way to the other screens. */
export function SettingsFrame({ config, username, screen, refresh, children }: SettingsFrameProps): VNode {
  return (
    <Document
      title={screen === 'Sessions' ? 'Settings' : `${screen} · Settings`}
      config={config}
      {...(refresh !== undefined && { refresh })}
    >
      <section class="card wide">
        <h1>Settings</h1>
        <div class="bar">
          <p>
            Signed in as <strong>{`@${username}`}</strong>
          </p>
          <form method="post" action="/settings/sign-out">
            <button type="submit" class="quiet small">
              Sign out
            </button>
          </form>
        </div>
        <nav class="tabs" aria-label="Settings">
          {SCREENS.map(({ path, name }) => (
            <a key={path} href={path} {...(name === screen && { 'aria-current': 'page' })}>
              {name}
            </a>
          ))}
        </nav>
        {children}
      </section>
    </Document>
  );
}

/** Told to somebody who signs in by a provider, where a password is asked for. */
export function NoPassword({ config }: { config: Config }): VNode {
  return (
    <p class="notice done">
      You have no password here: a provider signs you in. Some changes ask for one;{' '}
      <a href={config.frontend.routes.password_reset}>set one by mail</a> when you need it.
    </p>
  );
}

const UNITS = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3600 },
  { unit: 'minute', seconds: 60 },
] as const;

/** How long a deleted account can come back, in words and never too long; null where it cannot. */
export function graceWords({ accounts }: Config): string | null {
  const grace = accounts.delete_grace;
  if (grace === 0) return null;
  const { unit, seconds } = UNITS.find((known) => grace >= 2 * known.seconds) ?? { unit: 'second', seconds: 1 };
  const format = new Intl.NumberFormat('en-GB', { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.floor(grace / seconds));
}
