import type { VNode } from 'preact';
import { ProviderIcon } from '../pages/provider-icon.js';
import { Part } from './part.js';
import type { SecurityPageProps } from './security.page.js';

/** The providers that sign the person in, and those that could; nothing where the operator has configured none. */
export function ProvidersPart({
  config,
  linked,
  sentence,
}: SecurityPageProps & { sentence: string | undefined }): VNode | null {
  const { providers } = config.sso;
  if (providers.length === 0) return null;
  return (
    <Part id="providers" title="Sign-in providers" sentence={sentence}>
      <p>Another service that knows you can sign you in here. Linking one asks who you are first.</p>
      <ul class="linkable">
        {providers.map((provider) => {
          const isLinked = linked.includes(provider);
          const action = `/settings/security/providers/${provider.id}/${isLinked ? 'unlink' : 'link'}#providers`;
          return (
            <li key={provider.id}>
              <ProviderIcon config={config} provider={provider} />
              <span>{provider.name}</span>
              {isLinked && <span class="tag">linked</span>}
              <form method="post" action={action}>
                <button
                  type="submit"
                  class="quiet small"
                  aria-label={`${isLinked ? 'Unlink' : 'Link'} ${provider.name}`}
                >
                  {isLinked ? 'Unlink' : 'Link'}
                </button>
              </form>
            </li>
          );
        })}
      </ul>
    </Part>
  );
}
