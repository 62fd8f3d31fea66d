import type { ComponentChildren, VNode } from 'preact';

/** A form whose answer a passkey gives. */
export interface PasskeyFormProps {
  action: string;
  /** Whether one is made or used. */
  ceremony: 'create' | 'get';
  /** What `navigator.credentials` needs. */
  options: object;
  button: string;
  isQuiet?: boolean;
  /** Stands apart from what follows. */
  isPart?: boolean;
  children?: ComponentChildren;
}

/** Hidden until the script has found that the browser can do it. */
export function PasskeyForm({
  action,
  ceremony,
  options,
  button,
  isQuiet = false,
  isPart = false,
  children,
}: PasskeyFormProps): VNode {
  const data = { 'data-passkey': ceremony, 'data-options': JSON.stringify(options) };
  return (
    <form method="post" action={action} hidden class={isPart ? 'part' : undefined} {...data}>
      <div class="notice problem" role="alert" hidden>
        <p>That did not work. Try again, or choose another way.</p>
      </div>
      {children}
      <input type="hidden" name="response" value="" />
      <button type="submit" class={isQuiet ? 'quiet' : ''}>
        {button}
      </button>
      <script type="module" src="/assets/passkeys.js" />
    </form>
  );
}
