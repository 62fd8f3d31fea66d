import { Injectable } from '@nestjs/common';
import type { ClientInfo } from '../common/client-info.js';
import { pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import { type NewPassword, PasswordResetService, ResetRefused } from './password-reset.service.js';

/** Tells where the form of a new password leads: every answer is a redirect to the reset page (contract.md §5.5). */
@Injectable()
export class ResetFormService {
  constructor(
    private readonly resets: PasswordResetService,
    private readonly config: Config,
  ) {}

  /** The reset page for a token, whatever it is worth. */
  pageUrl(token: string): string {
    return this.at([['token', token]]);
  }

  /** Sets the password, or takes the person back to the form with the reason. */
  async submit(sent: NewPassword, client: ClientInfo): Promise<string> {
    try {
      await this.resets.reset(sent, client);
      return this.at([['success', 'true']]);
    } catch (error) {
      if (!(error instanceof ResetRefused)) throw error;
      return this.at([
        ['token', sent.token],
        ['error', error.reason],
        ['error_description', error.message],
      ]);
    }
  }

  private at(pairs: [string, string][]): string {
    return pageUrl(this.config, this.config.frontend.routes.password_reset, pairs);
  }
}
