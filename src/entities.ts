import { Application } from './applications/application.entity.js';
import { AuditEvent } from './audit/audit-event.entity.js';
import { AuthorizationCode } from './oauth/authorization-code.entity.js';
import { AttemptBudget } from './limits/attempt-budget.entity.js';
import { AccessToken } from './sessions/access-token.entity.js';
import { BrowserSession } from './browsers/browser-session.entity.js';
import { RefreshToken } from './sessions/refresh-token.entity.js';
import { Session } from './sessions/session.entity.js';
import { SigningKey } from './browsers/signing-key.entity.js';
import { User } from './users/user.entity.js';

/** Every table, listed once for the app, the command line and the migration tool. */
export const ENTITIES = [
  AccessToken,
  Application,
  AttemptBudget,
  AuditEvent,
  AuthorizationCode,
  BrowserSession,
  RefreshToken,
  Session,
  SigningKey,
  User,
];
