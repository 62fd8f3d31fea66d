import { Text } from '../common/fields.js';

const PASSWORD = { description: 'The account’s.', prose: true, max: 65_536, required: true };

/** A form that asks for nothing but the password. */
export class PasswordForm {
  @Text(PASSWORD)
  password: string;
}

/** The form that confirms an authenticator app. */
export class ConfirmTotpForm extends PasswordForm {
  @Text({ description: 'What the app shows.', required: true, prose: true })
  code: string;

  @Text({ description: 'The key that was shown, to show it again after a typing error.', required: true })
  secret: string;
}

/** A form that asks for the password where there is one; a sign-in of just now does as well. */
export class OptionalPasswordForm {
  @Text({ ...PASSWORD, required: false })
  password?: string;
}

/** The form of a new passkey. */
export class AddPasskeyForm extends OptionalPasswordForm {
  @Text({ description: 'What its owner calls it.', max: 100 })
  name?: string;

  @Text({ description: 'What the browser answered.', max: 20_000, prose: true })
  response?: string;
}

/** The form of another name. */
export class RenamePasskeyForm {
  @Text({ description: 'What its owner calls it.', max: 100, required: true })
  name: string;
}
