import type { VNode } from 'preact';
import type { Detail } from '../common/errors.js';
import type { IssuedCaptcha } from '../registration/captchas.service.js';
import { described, Explanation } from './parts.js';

const NAME = 'captcha_solution';
const HINT = 'Capitals do not matter. Either answer is enough. It counts once, within five minutes.';

/** A picture and a question with one place for the answer to either; who cannot see the picture misses nothing. */
export function CaptchaField({
  captcha,
  problem,
}: {
  captcha: IssuedCaptcha;
  /** What was wrong with the answer to the one before. */
  problem: Detail | undefined;
}): VNode {
  const sentence = problem && `${problem.description}. Here is a new one.`;
  return (
    <fieldset class="field captcha">
      <legend>Are you a person?</legend>
      <img
        src={captcha.url}
        alt="Five distorted characters; the question below is an alternative."
        width="270"
        height="90"
      />
      <p id="captcha_question">{captcha.question}</p>
      <label for={NAME}>Type the characters, or answer the question</label>
      <input
        id={NAME}
        name={NAME}
        type="text"
        required
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        {...described(NAME, HINT, sentence)}
        aria-describedby={`captcha_question ${NAME}-explained`}
      />
      <Explanation name={NAME} hint={HINT} problem={sentence} />
      <input type="hidden" name="captcha_token" value={captcha.token} />
      <input type="hidden" name="captcha_answer_data" value={captcha.answerData} />
    </fieldset>
  );
}
