import { IsIn, ValidateBy } from 'class-validator';
import { UploadedFile } from '../common/body-parsers.js';
import { Text } from '../common/fields.js';

/** The form of a new import. */
export class NewImportForm {
  @IsIn(['follow', 'block', 'mute'])
  kind: 'follow' | 'block' | 'mute';

  @IsIn(['merge', 'overwrite'])
  mode: 'merge' | 'overwrite' = 'merge';

  @ValidateBy({ name: 'file', validator: { validate: (value: unknown) => value instanceof UploadedFile } })
  list: UploadedFile;
}

/** Query of the page of one import. */
export class ImportPageQuery {
  @Text({ description: 'The last row of the page before.' })
  after?: string;
}
