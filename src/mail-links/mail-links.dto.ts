import { Text } from '../common/fields.js';

/** Body of `POST /auth/link/:token` (contract.md §5.3). */
export class UseLinkBody {
  @Text({ description: 'The second factor, where the page asks for one.', example: '123456', prose: true })
  code?: string;
}
