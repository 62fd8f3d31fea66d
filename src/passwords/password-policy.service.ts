import { Injectable } from '@nestjs/common';
import type { Detail } from '../common/errors.js';
import { Config } from '../config/config.js';
import { isCommonPassword } from './common-passwords.js';
import { passwordProblem } from './password-rules.js';

/** Judges new passwords by the operator's rules (contract.md §0.10). */
@Injectable()
export class PasswordPolicy {
  constructor(private readonly config: Config) {}

  /** What is wrong with a new password of this person, or null. */
  async problem(password: string, owner: { username: string; email: string | null }): Promise<Detail | null> {
    const { accounts, instance } = this.config;
    const { username, email } = owner;
    const context = { username, email, instanceTitle: instance.title, minLength: accounts.password_min };
    const problem = passwordProblem(password, context);
    if (problem) return problem;
    const isCommon = await isCommonPassword(password);
    return isCommon ? { field: 'password', error: 'ERR_INVALID', description: 'is too common' } : null;
  }
}
