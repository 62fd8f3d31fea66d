import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { validate as isUuid } from 'uuid';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { TakesFile } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { ImportRowsService } from '../imports/import-rows.service.js';
import { type CountedImport, type ImportWish, ImportsService } from '../imports/imports.service.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { failuresCsv } from './failures-csv.js';
import {
  ImportBody,
  ImportResponse,
  ImportRowResponse,
  ImportsQuery,
  mapImport,
  mapRow,
  RowsQuery,
} from './imports.dto.js';
import { ANY_READ, ANY_WRITE, demandScopes, readableKinds, readKind, readScopes, writeScopes } from './kinds.js';
import { uploadedList } from './uploaded-list.js';

const PATH = '/api/v1/imports';

/** Imports as resources: what became of each row, a look beforehand, a way to stop and to take back (contract.md §7.2, §7.5). */
@ApiTags('Imports')
@Controller('api/v1/imports')
export class ImportsController {
  constructor(
    private readonly imports: ImportsService,
    private readonly rows: ImportRowsService,
    private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(200)
  @UserToken(...ANY_WRITE)
  @TakesFile()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Import a list, or look what it would change.' })
  @ApiOkResponse({ type: ImportResponse })
  @ApiFailures(400, 401, 403, 413, 422, 429)
  async create(
    @Body() { kind: word, list, mode = 'merge', dry_run }: ImportBody,
    @CallingUser() user: SignedInUser,
    @Caller() { scopes }: Principal,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportResponse> {
    const kind = readKind(word);
    demandScopes(scopes, writeScopes(kind));
    if (mode !== 'merge' && mode !== 'overwrite') throw new Refusal('rejected', 'mode must be merge or overwrite.');
    const wish: ImportWish = {
      kind,
      mode,
      dryRun: dry_run ?? mode === 'overwrite',
      list: uploadedList(list, this.config),
    };
    const found = await this.imports.accept(user, wish, client);
    void reply.header('location', `${PATH}/${found.row.id}`);
    return mapImport(found);
  }

  @Get()
  @UserToken(...ANY_READ)
  @ApiOperation({ summary: 'The imports of the calling person, newest first.' })
  @ApiOkResponse({ type: [ImportResponse] })
  @ApiFailures(400, 401, 403)
  async list(
    @Query() { limit, max_id }: ImportsQuery,
    @CallingUser() { id }: SignedInUser,
    @Caller() { scopes }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportResponse[]> {
    if (max_id !== undefined && !isUuid(max_id)) return [];
    const found = await this.imports.list(id, readableKinds(scopes), limit, max_id);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    if (found.length > limit && last) {
      void reply.header('link', `<${this.config.url(PATH)}?limit=${limit}&max_id=${last.row.id}>; rel="next"`);
    }
    return page.map(mapImport);
  }

  @Get(':id')
  @UserToken(...ANY_READ)
  @ApiOperation({ summary: 'One import, and how far it is.' })
  @ApiOkResponse({ type: ImportResponse })
  @ApiFailures(401, 403, 404)
  async show(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Caller() caller: Principal,
  ): Promise<ImportResponse> {
    return mapImport(await this.readable(id, user, caller));
  }

  @Get(':id/rows')
  @UserToken(...ANY_READ)
  @ApiOperation({ summary: 'What became of each row.' })
  @ApiOkResponse({ type: [ImportRowResponse] })
  @ApiFailures(400, 401, 403, 404)
  async showRows(
    @Param('id') id: string,
    @Query() { state, reason, cursor, limit }: RowsQuery,
    @CallingUser() user: SignedInUser,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportRowResponse[]> {
    await this.readable(id, user, caller);
    const words = (text: string | undefined) => (text ?? '').split(',').filter((word) => word !== '');
    const found = await this.rows.list(id, { states: words(state), reasons: words(reason) }, limit, cursor);
    const page = found.slice(0, limit);
    const last = page.at(-1);
    if (found.length > limit && last) {
      const query = new URLSearchParams({
        ...(state !== undefined && { state }),
        ...(reason !== undefined && { reason }),
        limit: String(limit),
        cursor: String(last.position),
      });
      void reply.header('link', `<${this.config.url(`${PATH}/${id}/rows`)}?${query}>; rel="next"`);
    }
    return page.map(mapRow);
  }

  @Get(':id/failures.csv')
  @UserToken(...ANY_READ)
  @ApiOperation({ summary: 'The rows that failed, as a list that can be mended and sent again.' })
  @ApiProduces('text/csv')
  @ApiFailures(401, 403, 404)
  async failures(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Caller() caller: Principal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { row } = await this.readable(id, user, caller);
    void reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="failures.csv"')
      .send(failuresCsv(row.kind, (after) => this.rows.list(id, { states: ['failed'], reasons: [] }, 1000, after)));
  }

  @Post(':id/apply')
  @HttpCode(200)
  @UserToken(...ANY_WRITE)
  @ApiOperation({ summary: 'Do what a look has shown.' })
  @ApiOkResponse({ type: ImportResponse })
  @ApiFailures(401, 403, 404, 409)
  async apply(@Param('id') id: string, @CallingUser() user: SignedInUser, @Caller() caller: Principal) {
    await this.changeable(id, user, caller);
    return mapImport(await this.imports.apply(user.id, id));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @UserToken(...ANY_WRITE)
  @ApiOperation({ summary: 'Stop; what is done stays.' })
  @ApiOkResponse({ type: ImportResponse })
  @ApiFailures(401, 403, 404, 409)
  async cancel(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Caller() caller: Principal,
    @Client() client: ClientInfo,
  ): Promise<ImportResponse> {
    await this.changeable(id, user, caller);
    return mapImport(await this.imports.cancel(user.id, id, client));
  }

  @Post(':id/undo')
  @HttpCode(200)
  @UserToken(...ANY_WRITE)
  @ApiOperation({ summary: 'Take back what was done, but for what was touched since.' })
  @ApiOkResponse({ type: ImportResponse })
  @ApiFailures(401, 403, 404, 409, 410)
  async undo(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Caller() caller: Principal,
    @Client() client: ClientInfo,
  ): Promise<ImportResponse> {
    await this.changeable(id, user, caller);
    return mapImport(await this.imports.undo(user.id, id, client));
  }

  private async readable(id: string, { id: userId }: SignedInUser, { scopes }: Principal): Promise<CountedImport> {
    const found = await this.imports.get(userId, id);
    demandScopes(scopes, readScopes(found.row.kind));
    return found;
  }

  private async changeable(id: string, { id: userId }: SignedInUser, { scopes }: Principal): Promise<void> {
    const { row } = await this.imports.get(userId, id);
    demandScopes(scopes, writeScopes(row.kind));
  }
}
