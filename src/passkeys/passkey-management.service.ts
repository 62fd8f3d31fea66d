import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { endUnfinishedSignIns } from '../sessions/end-access.js';
import { type StepUpCaller, StepUpService } from '../sessions/step-up.service.js';
import { NoticesService } from '../users/notices.service.js';
import type { Passkey } from './passkey.entity.js';
import { PasskeysService } from './passkeys.service.js';

/** What a passkey is called whose owner gave it no name. */
const NAMELESS = 'Passkey';

/** What is sent to add one. */
export interface NewPasskey {
  name: string | undefined;
  /** What the browser answered. */
  response: unknown;
  password: string | undefined;
}

/** Lets a person add, name and remove their passkeys; a stolen access token alone can neither add nor remove one. */
@Injectable()
export class PasskeyManagementService {
  constructor(
    private readonly passkeys: PasskeysService,
    private readonly stepUp: StepUpService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Keeps the passkey that a browser has made.
   * @throws Refusal `step_up_required`, `rejected`, `throttled`
   */
  async add(caller: StepUpCaller, { name, response, password }: NewPasskey, client: ClientInfo): Promise<Passkey> {
    const { id: userId } = caller;
    await this.stepUp.demand(caller, password, client);
    const made = await this.passkeys.verifyNew(userId, response);
    if (!made) {
      await this.audit.record({ type: 'passkey.refused', userId }, client);
      throw new Refusal('rejected', 'The passkey could not be verified');
    }
    return this.change(caller, async (tx) => {
      const passkey = await this.passkeys.keep(userId, name?.trim() || NAMELESS, made, tx);
      await endUnfinishedSignIns(tx, userId);
      await this.audit.record({ type: 'passkey.added', userId }, client, tx);
      await this.notices.tell('factor_added', userId, client, tx, { factor: 'a passkey' });
      return passkey;
    });
  }

  /** @throws Refusal `record_not_found` */
  async rename({ id: userId }: StepUpCaller, id: string, name: string, client: ClientInfo): Promise<Passkey> {
    return this.dataSource.transaction(async (tx) => {
      const passkey = await this.passkeys.rename(userId, known(id), name.trim() || NAMELESS, tx);
      await this.audit.record({ type: 'passkey.renamed', userId }, client, tx);
      return passkey;
    });
  }

  /** @throws Refusal `record_not_found`, `step_up_required`, `rejected`, `throttled` */
  async remove(caller: StepUpCaller, id: string, password: string | undefined, client: ClientInfo): Promise<void> {
    const { id: userId } = caller;
    await this.stepUp.demand(caller, password, client);
    await this.change(caller, async (tx) => {
      await this.passkeys.remove(userId, known(id), tx);
      await endUnfinishedSignIns(tx, userId);
      await this.audit.record({ type: 'passkey.removed', userId }, client, tx);
      await this.notices.tell('factor_removed', userId, client, tx, { factor: 'a passkey' });
    });
  }

  /** Whoever was signed out while we looked at what they sent changes nothing any more. */
  private change<Result>(caller: StepUpCaller, work: (tx: EntityManager) => Promise<Result>): Promise<Result> {
    return this.dataSource.transaction(async (tx) => {
      await this.stepUp.hold(caller, tx);
      return work(tx);
    });
  }
}

/** @throws Refusal `record_not_found` for what is no id */
function known(id: string): string {
  if (!isUuid(id)) throw new Refusal('record_not_found');
  return id;
}
