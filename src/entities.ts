import { AccessToken } from './sessions/access-token.entity.js';
import { Application } from './applications/application.entity.js';
import { AttemptBudget } from './limits/attempt-budget.entity.js';
import { AuditEvent } from './audit/audit-event.entity.js';
import { AuthorizationCode } from './oauth/authorization-code.entity.js';
import { Backup } from './backups/backup.entity.js';
import { BackupCode } from './mfa/backup-code.entity.js';
import { BrowserSession } from './browsers/browser-session.entity.js';
import { Captcha } from './registration/captcha.entity.js';
import { Import } from './imports/import.entity.js';
import { ImportChange } from './imports/import-change.entity.js';
import { ImportRow } from './imports/import-row.entity.js';
import { Job } from './jobs/job.entity.js';
import { LinkedIdentity } from './identities/linked-identity.entity.js';
import { MailToken } from './users/mail-token.entity.js';
import { MfaChallenge } from './oauth/mfa-challenge.entity.js';
import { FactorRecovery } from './factor-recovery/factor-recovery.entity.js';
import { OutboxMail } from './mail/outbox-mail.entity.js';
import { Passkey } from './passkeys/passkey.entity.js';
import { PendingSignIn } from './auth/pending-sign-in.entity.js';
import { RefreshToken } from './sessions/refresh-token.entity.js';
import { SeenNetwork } from './sessions/seen-network.entity.js';
import { Relationship } from './relationships/relationship.entity.js';
import { RemoteAccount } from './relationships/remote-account.entity.js';
import { Session } from './sessions/session.entity.js';
import { SigningKey } from './browsers/signing-key.entity.js';
import { SsoFlow } from './sso-flows/sso-flow.entity.js';
import { SsoLinkTicket } from './sso-links/sso-link-ticket.entity.js';
import { SsoRegistration } from './sso-registration/sso-registration.entity.js';
import { SsoSession } from './identities/sso-session.entity.js';
import { TotpCredential } from './mfa/totp-credential.entity.js';
import { User } from './users/user.entity.js';
import { UsedChallenge } from './passkeys/used-challenge.entity.js';

/** Every table, listed once for the app, the command line and the migration tool. */
export const ENTITIES = [
  AccessToken,
  Application,
  AttemptBudget,
  AuditEvent,
  AuthorizationCode,
  Backup,
  BackupCode,
  BrowserSession,
  Captcha,
  Import,
  ImportChange,
  ImportRow,
  Job,
  LinkedIdentity,
  MailToken,
  MfaChallenge,
  FactorRecovery,
  OutboxMail,
  Passkey,
  PendingSignIn,
  RefreshToken,
  Relationship,
  RemoteAccount,
  SeenNetwork,
  Session,
  SigningKey,
  SsoFlow,
  SsoLinkTicket,
  SsoRegistration,
  SsoSession,
  TotpCredential,
  UsedChallenge,
  User,
];
