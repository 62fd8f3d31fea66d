import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { purge } from '../database/purge.js';

/** Removes mutes that are over, which count as none already. */
@Injectable()
export class RelationshipsPurge {
  private readonly log = new Logger(RelationshipsPurge.name);

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @Interval(600_000)
  async run(): Promise<void> {
    try {
      await this.purge();
    } catch (err) {
      this.log.warn({ err }, 'Mutes that are over could not be purged now');
    }
  }

  async purge(): Promise<void> {
    await purge(this.dataSource, 'delete from relationship where expires_at < now()');
  }
}
