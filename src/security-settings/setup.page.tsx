import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import { Alert, Field } from '../pages/parts.js';
import { SettingsFrame } from '../settings/settings-frame.js';
import { SECURITY_PATH } from './security.page.js';

/** What the setup of an authenticator app shows. */
export interface TotpSetupPageProps {
  config: Config;
  username: string;
  /** Base32, to be typed where no camera is. */
  secret: string;
  /** The QR code as SVG markup. */
  qrCode: string;
  uri: string;
  problem: string | null;
}

/** The QR code, and the form that confirms it. */
export function TotpSetupPage({ config, username, secret, qrCode, uri, problem }: TotpSetupPageProps): VNode {
  return (
    <SettingsFrame config={config} username={username} screen="Security">
      <section class="part">
        <h2>Set up an authenticator app</h2>
        {problem !== null && (
          <Alert>
            <p>{problem}</p>
          </Alert>
        )}
        <p>Scan this with the app, or type the key into it. Nothing changes before you have confirmed it below.</p>
        <p>
          <a
            class="qr"
            href={uri}
            aria-label="QR code for the app; the key below says the same"
            dangerouslySetInnerHTML={{ __html: qrCode }}
          />
        </p>
        <p>
          <code class="copy">{secret.replace(/.{4}(?=.)/g, '$& ')}</code>
        </p>
        <form method="post" action={`${SECURITY_PATH}/totp/confirm`}>
          <input type="hidden" name="secret" value={secret} />
          <Field name="code" label="Code that the app shows now" autocomplete="one-time-code" />
          <Field name="password" label="Password" type="password" autocomplete="current-password" />
          <button type="submit">Turn it on</button>
        </form>
        <p>
          <a href={SECURITY_PATH}>Not now</a>
        </p>
      </section>
    </SettingsFrame>
  );
}

/** The only time that codes are shown. */
export function BackupCodesPage({
  config,
  username,
  codes,
}: {
  config: Config;
  username: string;
  codes: readonly string[];
}): VNode {
  return (
    <SettingsFrame config={config} username={username} screen="Security">
      <section class="part">
        <h2>Your backup codes</h2>
        <p>Print them, or write them down, and keep them where your phone is not. They are shown only now.</p>
        <ul class="codes">
          {codes.map((code) => (
            <li key={code}>
              <code>{`${code.slice(0, 5)} ${code.slice(5)}`}</code>
            </li>
          ))}
        </ul>
        <p class="actions">
          <a class="button" href={SECURITY_PATH}>
            I have them
          </a>
        </p>
      </section>
    </SettingsFrame>
  );
}
