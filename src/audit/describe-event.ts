import type { AuditType } from './audit.service.js';

/** What each event is to the person whose account it concerns. */
const WORDS: Record<AuditType, string> = {
  'account.approved': 'Your account was approved',
  'account.created': 'Your account was made',
  'account.deletion_cancelled': 'The deletion of your account was cancelled',
  'account.deletion_scheduled': 'Your account was deleted, to be erased after some days',
  'account.disabled': 'Your account was disabled',
  'account.erased': 'Your account was erased',
  'account.imported': 'Your account was moved here from another server',
  'account.reactivated': 'Your account was made active again',
  'backup.created': 'A copy of your data was made ready',
  'backup.downloaded': 'A copy of your data was downloaded',
  'backup.requested': 'A copy of your data was asked for',
  'client.registered': 'An app was registered',
  'code.reused': 'An app’s sign-in code was used twice, so its session was ended',
  'consent.approved': 'You let an app use your account',
  'consent.denied': 'You did not let an app use your account',
  'email.change_requested': 'A change of your e-mail address was asked for',
  'email.changed': 'Your e-mail address was changed',
  'email.confirmation_sent': 'A link to confirm your e-mail address was sent',
  'email.confirmed': 'Your e-mail address was confirmed',
  'email.corrected': 'The e-mail address of your registration was corrected',
  'email.restored': 'A change of your e-mail address was undone',
  'login.blocked': 'Right password, but your account could not be used',
  'login.continued': 'A signed-in browser was used again',
  'login.failed': 'Wrong password',
  'login.succeeded': 'Signed in',
  logout: 'A browser signed out',
  'password.changed': 'Your password was changed',
  'password.refused': 'Somebody signed in as you did not know the password when asked for it',
  'password.reset': 'A new password was set with a link from a mail',
  'password.reset_demanded': 'Staff asked for a new password',
  'password.reset_requested': 'A mail to set a new password was asked for',
  'refresh.reused': 'An app’s key was used twice, so its session was ended',
  'session.revoked': 'A session was ended',
  'session.revoked_all': 'All sessions were ended',
  'token.issued': 'An app got access',
};

/** An event of the journal in words for the person it concerns; one that this version does not know keeps its name. */
export function describeEvent(type: string): string {
  const known: Record<string, string> = WORDS;
  return Object.hasOwn(known, type) ? (known[type] ?? type) : type;
}
