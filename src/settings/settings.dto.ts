import { IsIn, IsOptional } from 'class-validator';
import { Text } from '../common/fields.js';

/** Query of `GET /settings/callback`: what any client gets (RFC 6749 §4.1.2). */
export class SettingsCallbackQuery {
  @Text({ description: 'The authorization code.' })
  code?: string;

  @Text({ description: 'What was sent.', max: 2048, prose: true })
  state?: string;

  @Text({ description: 'Why there is no code.' })
  error?: string;
}

/** Why somebody is not in the settings any more. */
export type Leaving = 'signed_out' | 'denied' | 'disabled' | 'deleted';

/** Query of `GET /settings/signed-out`. */
export class SignedOutQuery {
  @IsOptional()
  @IsIn(['signed_out', 'disabled', 'deleted'])
  after?: Leaving;

  @Text({ description: 'The id of the provider that had signed them in.' })
  provider?: string;
}

/** What was just done on a screen of the settings. */
export type Done = 'password' | 'email' | 'email_pending' | 'backup';

/** Query of `GET /settings/account`. */
export class AccountScreenQuery {
  @IsOptional()
  @IsIn(['password', 'email', 'email_pending', 'backup'])
  done?: Done;
}

/** Query of `GET /settings/journal`. */
export class JournalScreenQuery {
  @Text({ description: 'The last event of the page before.' })
  max_id?: string;
}
