import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { Detail } from '../common/errors.js';
import { keyedDigest, looksLikeSecret, randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { Captcha } from './captcha.entity.js';
import { drawPng, foldCharacters, randomCharacters } from './captcha-picture.js';
import { makeQuestion } from './captcha-question.js';
import { readNumber } from './number-words.js';
import type { RegistrationBody } from './registration.dto.js';

/** How long a captcha may be answered, in seconds (contract.md §5.2). */
export const CAPTCHA_SECONDS = 300;

/** A captcha for one person; nothing in it tells the answers. */
export interface IssuedCaptcha {
  token: string;
  /** Belongs to the token, as Pleroma's clients send it back. */
  answerData: string;
  /** The picture, as a `data:` URL. */
  url: string;
  /** What may be answered instead of the picture. */
  question: string;
}

/** What comes back with a registration. */
export type CaptchaGuess = Pick<RegistrationBody, 'captcha_token' | 'captcha_answer_data' | 'captcha_solution'>;

const INVALID = refused('Invalid CAPTCHA');
const EXPIRED = refused('CAPTCHA expired');
const USED = refused('CAPTCHA already used');

/** Gives out captchas, and takes one guess at each. */
@Injectable()
export class CaptchasService {
  private readonly log = new Logger(CaptchasService.name);

  constructor(
    @InjectRepository(Captcha) private readonly captchas: Repository<Captcha>,
    private readonly config: Config,
  ) {}

  /** A fresh captcha; null where the operator asks for none. */
  async issue(): Promise<IssuedCaptcha | null> {
    if (!this.config.registrations.captcha) return null;
    const [token, answerData, characters, question] = [
      randomSecret(),
      randomSecret(),
      randomCharacters(),
      makeQuestion(),
    ];
    const png = await drawPng(characters);
    await this.captchas.query(
      `insert into captcha (hash, data_hash, answers, expires_at) values ($1, $2, $3, now() + make_interval(secs => $4))`,
      [
        sha256(token),
        sha256(answerData),
        [this.digest(token, characters), this.digest(token, question.answer)],
        CAPTCHA_SECONDS,
      ],
    );
    return { token, answerData, url: `data:image/png;base64,${png.toString('base64')}`, question: question.text };
  }

  /** Spends a captcha for one guess, and answers what is wrong with it; null when it is right or none is asked for. */
  async consume({
    captcha_token = '',
    captcha_answer_data = '',
    captcha_solution = '',
  }: CaptchaGuess): Promise<Detail | null> {
    if (!this.config.registrations.captcha) return null;
    if (!looksLikeSecret(captcha_token)) return INVALID;
    const hash = sha256(captcha_token);
    const [[row]] = await this.captchas.query(
      `update captcha set used_at = now() where hash = $1 and used_at is null and expires_at > now()
       returning data_hash as "dataHash", answers`,
      [hash],
    );
    if (!row) return this.reason(hash);
    const isTheirs = sameDigest(sha256(captcha_answer_data), row.dataHash);
    return isTheirs && this.isRight(row.answers, captcha_token, captcha_solution) ? null : INVALID;
  }

  /** Within the hour (contract.md §1.2), but not at once: people who were slow are told so. */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.captchas.query(`delete from captcha where expires_at < now() - interval '30 minutes'`);
    } catch (err) {
      this.log.warn({ err }, 'Expired captchas could not be purged now');
    }
  }

  private async reason(hash: Buffer): Promise<Detail> {
    const found = await this.captchas.findOneBy({ hash });
    return !found ? INVALID : found.usedAt ? USED : EXPIRED;
  }

  /** Either answer will do. */
  private isRight(answers: Buffer[], token: string, solution: string): boolean {
    const guesses = [foldCharacters(solution), readNumber(solution)];
    const digests = guesses.filter((guess) => guess !== null).map((guess) => this.digest(token, guess));
    return digests.some((digest) => answers.some((answer) => sameDigest(answer, digest)));
  }

  /** Keyed, because answers are few; with the token, so that equal answers do not look alike. */
  private digest(token: string, answer: string | number): Buffer {
    return keyedDigest(`${token} ${answer}`, this.config.secretKey, 'captcha');
  }
}

function refused(description: string): Detail {
  return { field: 'captcha', error: 'ERR_INVALID', description };
}
