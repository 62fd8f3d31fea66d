import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import type { ErrorCode } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { NoHead, Speaks, TakesFile } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { failuresCsv } from '../import-routes/failures-csv.js';
import { uploadedList } from '../import-routes/uploaded-list.js';
import { ImportRowsService } from '../imports/import-rows.service.js';
import { ImportsService } from '../imports/imports.service.js';
import { SettingsGate } from '../settings/settings-gate.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import { ImportPage } from './import.page.js';
import { NewImportForm } from './import-settings.dto.js';
import { IMPORTS_PATH, ImportsPage } from './imports.page.js';

/** Refusals that are told beside the form. */
const SHOWN: ErrorCode[] = ['rejected', 'conflict', 'gone', 'body_too_large'];

/** Failed rows that the page of an import shows; the file has all of them. */
const ROWS = 50;

/** The screens where a person imports lists: what a list would change is shown before it is done (contract.md §7). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(IMPORTS_PATH)
export class ImportSettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly imports: ImportsService,
    private readonly rows: ImportRowsService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (caller) await this.send(reply, caller);
  }

  /** Nothing is changed yet: a file of another kind, or of another person, is noticed in time. */
  @Post()
  @TakesFile()
  async upload(
    @Body() { kind, mode, list }: NewImportForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt(request, reply, async ({ user }) => {
      const wish = { kind, mode, dryRun: true, list: uploadedList(list, this.config) };
      const { row } = await this.imports.accept(user, wish, client);
      this.gate.goTo(reply, `${IMPORTS_PATH}/${row.id}`);
    });
  }

  @Get(':id')
  @NoHead()
  async showOne(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (!caller) return;
    const { config } = this;
    const found = await this.imports.get(caller.user.id, id);
    const failed = await this.rows.list(id, { states: ['failed'], reasons: [] }, ROWS);
    sendPage(
      reply,
      config,
      ImportPage({ config, username: caller.user.username, found, failed: failed.slice(0, ROWS) }),
    );
  }

  @Get(':id/failures.csv')
  @NoHead()
  async failures(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (!caller) return;
    const { row } = await this.imports.get(caller.user.id, id);
    void reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="failures.csv"')
      .send(failuresCsv(row.kind, (after) => this.rows.list(id, { states: ['failed'], reasons: [] }, 1000, after)));
  }

  @Post(':id/apply')
  async apply(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.attempt(request, reply, async ({ user }) => {
      await this.imports.apply(user.id, id);
      this.gate.goTo(reply, `${IMPORTS_PATH}/${id}`);
    });
  }

  @Post(':id/cancel')
  async cancel(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt(request, reply, async ({ user }) => {
      await this.imports.cancel(user.id, id, client);
      this.gate.goTo(reply, `${IMPORTS_PATH}/${id}`);
    });
  }

  @Post(':id/undo')
  async undo(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt(request, reply, async ({ user }) => {
      await this.imports.undo(user.id, id, client);
      this.gate.goTo(reply, `${IMPORTS_PATH}/${id}`);
    });
  }

  private async attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: SettingsCaller) => Promise<void>,
  ): Promise<void> {
    await this.gate.attempt(request, reply, work, (caller, sentence) => this.send(reply, caller, sentence), SHOWN);
  }

  private async send(reply: FastifyReply, { user }: SettingsCaller, sentence: string | null = null): Promise<void> {
    const { config } = this;
    const imports = await this.imports.list(user.id, ['follow', 'block', 'mute'], 40, undefined);
    const page = ImportsPage({ config, username: user.username, imports: imports.slice(0, 40), sentence });
    sendPage(reply, config, page, { status: sentence === null ? 200 : 422 });
  }
}
