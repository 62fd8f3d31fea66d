import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RelationshipsService } from '../relationships/relationships.service.js';

/** Rows that wait for somebody's answer learn of it, also when their import was finished long ago (contract.md §7.4, `requested`). */
@Injectable()
export class ImportAnswers implements OnModuleInit {
  constructor(private readonly relationships: RelationshipsService) {}

  onModuleInit(): void {
    this.relationships.onAnswer(async ({ sourceId, targetId, isAccepted }, tx) => {
      await tx.query(
        `update import_row r set state = $3, reason = $4, updated_at = now() from import i
         where i.user_id = $1 and i.kind = 'follow' and r.import_id = i.id and r.state = 'requested' and r.account_id = $2`,
        [sourceId, targetId, isAccepted ? 'applied' : 'failed', isAccepted ? null : 'rejected'],
      );
    });
  }
}
