import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { describeProvider } from '../providers/provider.js';

/** The picture of a provider, for decoration: its name stands beside it. */
export function ProviderIcon({ config, provider }: { config: Config; provider: SsoProviderConfig }): VNode {
  return <img class="provider" src={describeProvider(config, provider).icon} alt="" width="20" height="20" />;
}
