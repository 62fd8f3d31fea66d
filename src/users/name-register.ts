import type { EntityManager } from 'typeorm';

/** Somebody as another server knew them; name and address trimmed and lower-cased. */
export interface ImportedPerson {
  username: string;
  email: string | null;
  displayName: string;
  /** As it was stored there; null when they are to set a new password by the reset mail. */
  passwordHash: string | null;
}

/** What became of one person of an import. */
export interface ImportVerdict {
  outcome: 'imported' | 'already here' | 'refused';
  /** Of a refusal; of somebody who is already here, what the operator should look at. */
  reason: string | null;
}

interface Holder {
  username: string | null;
  email: string | null;
  isErased: boolean;
  isUnverified: boolean;
}

/** Who holds the names and addresses that an import asks for: accounts, and the people accepted before. */
export class NameRegister {
  private readonly byName = new Map<string, Holder>();
  private readonly addresses = new Set<string>();

  /** Looks up what these people ask for. An address that its owner can still take back is theirs, too (contract.md §5.3). */
  async read(people: ImportedPerson[], tx: EntityManager): Promise<void> {
    const rows: Holder[] = await tx.query(
      `select username, email, erased_at is not null as "isErased", email_verified_at is null as "isUnverified"
       from "user" where username = any($1) or email = any($2)
       union all
       select null, address, false, false from mail_token
       where address = any($2) and purpose = 'undo_address' and expires_at > now()`,
      [people.map(({ username }) => username), people.flatMap(({ email }) => email ?? [])],
    );
    for (const holder of rows) this.enter(holder);
  }

  /** Whether the person could be imported now. */
  judge({ username, email }: ImportedPerson): ImportVerdict {
    const holder = this.byName.get(username);
    if (!holder) {
      const isTaken = email !== null && this.addresses.has(email);
      return isTaken ? { outcome: 'refused', reason: 'email taken' } : { outcome: 'imported', reason: null };
    }
    if (holder.isErased || holder.email !== email) return { outcome: 'refused', reason: 'username taken' };
    const isDubious = email !== null && holder.isUnverified;
    return { outcome: 'already here', reason: isDubious ? 'with an address that was never verified' : null };
  }

  /** Remembers somebody who has been accepted. */
  add({ username, email }: ImportedPerson): void {
    this.enter({ username, email, isErased: false, isUnverified: false });
  }

  private enter(holder: Holder): void {
    if (holder.username !== null) this.byName.set(holder.username, holder);
    if (holder.email !== null) this.addresses.add(holder.email);
  }
}
