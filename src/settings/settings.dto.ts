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
