import { Text } from '../common/fields.js';

const IDENTIFIER = { folded: true, max: 254, example: 'alice' };

/** Parameters of `POST /auth/password`, in query or body: each takes either kind of identifier (contract.md §5.5). */
export class ForgottenPasswordParameters {
  @Text({ description: 'E-mail address or user name.', ...IDENTIFIER })
  email?: string;

  @Text({ description: 'The same, as Pleroma-FE calls it.', ...IDENTIFIER })
  nickname?: string;

  @Text({ description: 'The same.', ...IDENTIFIER })
  username?: string;
}

/** A password is judged by its rules, not by its form. */
const PASSWORD = { prose: true, max: 65_536 };

/** Body of `POST /api/auth/reset` (contract.md §5.5). */
export class ResetBody {
  @Text({ description: 'Of the link in the mail.' })
  token?: string;

  @Text({ description: 'The new one.', ...PASSWORD })
  password?: string;

  @Text({ description: 'The new one again; compared when sent.', ...PASSWORD })
  password2?: string;

  @Text({ description: 'The same.', ...PASSWORD })
  'password-confirm'?: string;

  @Text({ description: 'The same.', ...PASSWORD })
  password_confirmation?: string;
}

/** Body of `POST /api/pleroma/password_reset`: Pleroma's own form (contract.md §5.5). */
export class PleromaResetBody {
  @Text({ description: 'As `token` of `POST /api/auth/reset`.' })
  'data[token]'?: string;

  @Text({ description: 'As `password`.', ...PASSWORD })
  'data[password]'?: string;

  @Text({ description: 'As `password_confirmation`.', ...PASSWORD })
  'data[password_confirmation]'?: string;
}
