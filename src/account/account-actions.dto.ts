import { ApiProperty } from '@nestjs/swagger';
import { Text } from '../common/fields.js';

/** Long enough to be answered as a wrong password instead of a wrong field. */
const PASSWORD = { example: 'correct horse battery staple', prose: true, required: true, max: 65_536 };

/** Body of `POST /api/pleroma/change_password` (contract.md §5.6). */
export class ChangePasswordBody {
  @Text({ description: 'The present one.', ...PASSWORD })
  password: string;

  @Text({ description: 'The new one.', ...PASSWORD })
  new_password: string;

  @Text({ description: 'The new one again.', ...PASSWORD })
  new_password_confirmation: string;
}

/** Body of `POST /api/pleroma/change_email` (contract.md §5.7). */
export class ChangeEmailBody {
  @Text({
    description: 'The new address; empty removes it where none is required.',
    example: 'alice@example.org',
    folded: true,
    required: true,
    max: 65_536,
  })
  email: string;

  @Text({ description: 'The account’s.', ...PASSWORD })
  password: string;

  @Text({ description: 'The second factor, where one is on; else the link in the mail asks for it.', prose: true })
  code?: string;
}

/** Parameters of `POST /api/pleroma/disable_account` and `delete_account`, in query or body (contract.md §5.8, §5.9). */
export class PasswordParameters {
  @Text({ ...PASSWORD, description: 'The account’s.', required: false })
  password?: string;
}

/** Parameters of `POST /api/pleroma/delete_account`, in query or body (contract.md §5.9). */
export class DeleteParameters extends PasswordParameters {
  @Text({ description: 'The second factor; checked when sent.', prose: true })
  code?: string;
}

/** What Pleroma's clients read: done, or why not; both with status 200 (contract.md §0.6, *refusal 200*). */
export class ActionResponse {
  @ApiProperty({ required: false, example: 'success' })
  status?: 'success';

  @ApiProperty({ required: false, example: 'Invalid password.' })
  error?: string;
}
