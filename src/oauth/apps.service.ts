import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ApplicationsService, type RegisteredClient, type Registration } from '../applications/applications.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';

/** Registers client programs for anybody who asks, as the fediverse does. */
@Injectable()
export class AppsService {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** @throws ValidationFailed naming every bad value */
  register(wanted: Registration, client: ClientInfo): Promise<RegisteredClient> {
    return this.dataSource.transaction(async (tx) => {
      const registered = await this.applications.register(wanted, tx);
      await this.audit.record({ type: 'client.registered', applicationId: registered.id }, client, tx);
      return registered;
    });
  }
}
