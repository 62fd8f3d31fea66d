/** What letters tell of; each template reads what it needs. Strings only, because they rest as JSON. */
export interface Facts {
  /** Whose account it is. */
  username: string;
  /** When, in ISO 8601. */
  at?: string;
  /** From which address. */
  ip?: string | null;
  /** With which program, as its `User-Agent`. */
  userAgent?: string | null;
  /** Through which client program, by name. */
  app?: string;
  /** The new or old e-mail address that it is about. */
  address?: string;
  /** Until when its link, or the chance to change one's mind, lives, in ISO 8601. */
  until?: string;
  /** What somebody wrote, such as the reason of a registration. */
  reason?: string;
  /** Which second factor, as a person calls it. */
  factor?: string;
  /** How many backup codes are left. */
  left?: string;
  /** How an import went, as sentences. */
  counts?: string;
  /** The OpenID provider that it is about, by name. */
  provider?: string;
  /** Who did it, when it was not the person; letters of what staff may do say so. */
  by?: 'staff';
}

/** An address and what the reader does there. */
export interface LetterLink {
  label: string;
  url: string;
}

/** A letter before it has a form: sentences, what happened as a table, one thing to do, and what to do if it was not you. */
export interface Letter {
  subject: string;
  /** Staff reads of somebody else's account, and is not greeted by its name. */
  isForStaff?: boolean;
  paragraphs: string[];
  /** What somebody wrote. */
  quote?: string;
  /** Time, address, device, app: shown where the facts hold them. */
  tellsCircumstances?: boolean;
  /** What an operator types, and why. */
  command?: { text: string; line: string };
  action?: LetterLink & {
    before?: string;
    /** How long the link works. */
    note?: string;
  };
  /** Below the action: what to do if it was somebody else. */
  otherwise?: { text: string; link?: LetterLink };
}

/** What a letter may name of this instance; every URL is on `PUBLIC_URL`. */
export interface LetterLinks {
  /** Does what the letter's token is for (contract.md §5.3). */
  act: string;
  /** Where the letter's token sets a new password (contract.md §5.5). */
  reset: string;
  /** Where one asks for a new password. */
  forgotten: string;
  settings: string;
  domain: string;
  title: string;
  /** How people reach the staff, if they can. */
  contact: string | null;
}

/** How one kind of letter is written. */
export type WriteLetter = (facts: Facts, links: LetterLinks) => Letter;

/** A moment as people read it, without a time zone to guess. */
export function moment(iso: string): string {
  const form = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  return `${form.format(new Date(iso)).replace(' at ', ', ')} UTC`;
}

/** How long a link lives: until a known moment, or as long as links of its kind do. */
export function untilOrFor(until: string | undefined, life: string): string {
  return until === undefined ? `for ${life}` : `until ${moment(until)}`;
}

/** The way out of most trouble. */
export function newPassword({ forgotten }: LetterLinks): LetterLink {
  return { label: 'Set a new password', url: forgotten };
}

/** Every kind of letter we send. */
export type TemplateName =
  | 'account_approved'
  | 'account_deleted'
  | 'account_disabled'
  | 'account_reactivated'
  | 'address_change_requested'
  | 'address_changed'
  | 'address_in_use'
  | 'address_replaced'
  | 'address_restored'
  | 'backup_code_used'
  | 'backup_codes_made'
  | 'backup_ready'
  | 'client_may_write'
  | 'confirm_address'
  | 'confirm_registration'
  | 'deletion_cancelled'
  | 'deletion_scheduled'
  | 'factor_added'
  | 'factor_removed'
  | 'identity_linked'
  | 'identity_unlinked'
  | 'import_finished'
  | 'new_sign_in'
  | 'password_changed'
  | 'password_reset'
  | 'password_was_reset'
  | 'recovery_begun'
  | 'recovery_confirm'
  | 'recovery_done'
  | 'recovery_stopped'
  | 'registration_to_review'
  | 'registration_waiting'
  | 'session_reused'
  | 'sessions_revoked'
  | 'welcome'
  | 'wrong_passwords';
