import type { ComponentChildren, VNode } from 'preact';

/** One field of a form. */
export interface FieldProps {
  name: string;
  /** Where a page has several fields of one name. */
  id?: string;
  label: string;
  type?: 'text' | 'email' | 'password';
  /** The HTML word by which browsers and password managers know what belongs here. */
  autocomplete: 'username' | 'current-password' | 'new-password' | 'email' | 'one-time-code' | 'off';
  value?: string;
  hint?: string;
  /** What was wrong with the value that was sent. */
  problem?: string | undefined;
  required?: boolean;
}

/** A labelled input; hint and problem are read out with it. */
export function Field({
  name,
  id = name,
  label,
  type = 'text',
  autocomplete,
  value,
  hint,
  problem,
  required = true,
}: FieldProps): VNode {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        value={value}
        required={required}
        autocomplete={autocomplete}
        autocapitalize="none"
        spellcheck={false}
        {...described(id, hint, problem)}
      />
      <Explanation name={id} hint={hint} problem={problem} />
    </div>
  );
}

/** The ARIA attributes that tie a control to its explanation. */
export function described(name: string, hint: string | undefined, problem: string | undefined): object {
  return {
    ...((hint ?? problem) !== undefined && { 'aria-describedby': `${name}-explained` }),
    ...(problem !== undefined && { 'aria-invalid': 'true' }),
  };
}

/** What a control wants, and what was wrong with it. */
export function Explanation({
  name,
  hint,
  problem,
}: {
  name: string;
  hint?: string | undefined;
  problem?: string | undefined;
}): VNode | null {
  if ((hint ?? problem) === undefined) return null;
  return (
    <p class="explained" id={`${name}-explained`}>
      {problem !== undefined && <strong class="problem">{problem}</strong>}
      {hint !== undefined && <span>{hint}</span>}
    </p>
  );
}

/** A sentence that must not be missed. */
export function Alert({ children }: { children: ComponentChildren }): VNode {
  return (
    <div class="notice problem" role="alert">
      {children}
    </div>
  );
}

/** Text from a stranger: its writing direction ends where it ends, whatever it holds (security.md R17). */
export function Foreign({ children }: { children: string }): VNode {
  return <bdi>{children}</bdi>;
}

/** A link that a stranger chose, named by its host: only to the web, and told nothing about us; any other is no link. */
export function ForeignLink({ url }: { url: string }): VNode {
  const { protocol, host } = URL.parse(url) ?? {};
  if (host === undefined || (protocol !== 'https:' && protocol !== 'http:')) return <Foreign>{url}</Foreign>;
  return (
    <a href={url} rel="noopener noreferrer nofollow">
      {host}
    </a>
  );
}

const FORMAT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });

/** A moment in UTC: without a script we do not know the reader's zone. */
export function Moment({ at }: { at: Date }): VNode {
  return <time dateTime={at.toISOString()}>{`${FORMAT.format(at)} UTC`}</time>;
}
