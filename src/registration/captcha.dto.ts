import { ApiProperty } from '@nestjs/swagger';
import { CAPTCHA_SECONDS, type IssuedCaptcha } from './captchas.service.js';

/** A captcha as Pleroma's clients read it, or the word that there is none (contract.md §5.2). */
export class CaptchaResponse {
  @ApiProperty({
    enum: ['native', 'none'],
    example: 'native',
    description: '`none` stands alone: registration asks for no captcha.',
  })
  type: 'native' | 'none';

  @ApiProperty({
    required: false,
    example: 'cqZ3N3jzXJ7Xq5v0v5b9mJ4xG0l2mX1bE0k0k7nM8rA',
    description: 'Goes back as `captcha_token`. Good for one registration attempt, whatever comes of it.',
  })
  token?: string;

  @ApiProperty({
    required: false,
    example: 'data:image/png;base64,iVBORw0KGgo…',
    description: 'A picture of five letters or digits; upper and lower case are the same.',
  })
  url?: string;

  @ApiProperty({
    required: false,
    example: 'Clara has forty-one stamps and finds six more. How many are there now?',
    description:
      'A question to show beside the picture, for everybody who cannot see it. Its answer, in digits or English words, is ' +
      'as good a `captcha_solution` as the characters of the picture.',
  })
  question?: string;

  @ApiProperty({
    required: false,
    example: 'T5Yw2kqkQ2n0Jd3m4cFh6tqv8x1yB7zR9sL0uP3eKaE',
    description: 'Goes back as `captcha_answer_data`; belongs to this `token`.',
  })
  answer_data?: string;

  @ApiProperty({ required: false, example: 300, description: 'Seconds from now on.' })
  seconds_valid?: number;
}

/** The captcha as on the wire. */
export function mapCaptcha(issued: IssuedCaptcha | null): CaptchaResponse {
  if (!issued) return { type: 'none' };
  const { token, url, question, answerData } = issued;
  return { type: 'native', token, url, question, answer_data: answerData, seconds_valid: CAPTCHA_SECONDS };
}
