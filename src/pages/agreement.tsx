import type { VNode } from 'preact';
import { described, Explanation } from './parts.js';

/** Why somebody wants in, for those who approve. */
export function Reason({ value, problem }: { value: string; problem: string | undefined }): VNode {
  const hint = 'Somebody reads it before you are let in.';
  return (
    <div class="field">
      <label for="reason">Why do you want to join?</label>
      <textarea id="reason" name="reason" rows={4} maxLength={500} required {...described('reason', hint, problem)}>
        {value}
      </textarea>
      <Explanation name="reason" hint={hint} problem={problem} />
    </div>
  );
}

/** The box to tick before an account is made. */
export function Agreement({ isGiven, problem }: { isGiven: boolean; problem: string | undefined }): VNode {
  return (
    <div class="field">
      <label class="check" for="agreement">
        <input
          type="checkbox"
          id="agreement"
          name="agreement"
          value="true"
          checked={isGiven}
          required
          {...described('agreement', undefined, problem)}
        />
        <span>I agree to the rules of this instance.</span>
      </label>
      <Explanation name="agreement" problem={problem} />
    </div>
  );
}
