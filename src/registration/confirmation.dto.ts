import { Text } from '../common/fields.js';

const ADDRESS = { folded: true, example: 'alice@example.org' };

/** Parameters of `POST /api/pleroma/accounts/confirmation_resend`, in query or body (contract.md §5.4). */
export class ResendParameters {
  @Text({ description: 'E-mail address or user name.', max: 254, ...ADDRESS })
  email?: string;

  @Text({ description: 'The same.', max: 254, folded: true })
  nickname?: string;
}

/** Body of `POST /api/v1/emails/confirmations` (contract.md §5.4). */
export class CorrectAddressBody {
  @Text({ description: 'Another address, in place of one that was never confirmed.', max: 65_536, ...ADDRESS })
  email?: string;
}
