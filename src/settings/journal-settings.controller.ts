import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuditService } from '../audit/audit.service.js';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { readRecordId } from '../common/record-id.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { JournalPage } from './journal.page.js';
import { SETTINGS_PATH } from './settings-cookies.js';
import { SettingsGate } from './settings-gate.js';
import { JournalScreenQuery } from './settings.dto.js';

/** Events on one page. */
const PAGE = 40;

/** The screen that shows a person what happened to their account (contract.md §4.4). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(`${SETTINGS_PATH}/journal`)
export class JournalSettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(
    @Query() { max_id: maxId }: JournalScreenQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (!caller) return;
    const below = maxId === undefined ? undefined : readRecordId(maxId);
    const { rows, next } = await this.audit.list(caller.user.id, PAGE, below);
    const { config } = this;
    sendPage(reply, config, JournalPage({ config, username: caller.user.username, events: rows, next }));
  }
}
