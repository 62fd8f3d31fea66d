import { Body, Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { Browser } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { LinkDonePage, LinkPage } from './mail-link.page.js';
import { UseLinkBody } from './mail-links.dto.js';
import { MailLinksService } from './mail-links.service.js';

/** Links in mails: opening one shows what it will do, the button on that page does it (contract.md §5.3). */
@ApiTags('Account')
@Browser()
@Controller('auth/link')
export class MailLinksController {
  constructor(
    private readonly links: MailLinksService,
    private readonly config: Config,
  ) {}

  @Get(':token')
  @ApiOperation({ summary: 'What a link from a mail will do; changes nothing.' })
  @ApiProduces('text/html')
  @ApiOkResponse({ description: 'A page with the button that does it.' })
  @ApiFailures(404)
  async show(@Param('token') token: string, @Res() reply: FastifyReply): Promise<void> {
    const facts = await this.links.describe(token);
    sendPage(reply, this.config, LinkPage({ config: this.config, facts, token }));
  }

  @Post(':token')
  @HttpCode(200)
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Do what the link is for, once.' })
  @ApiProduces('application/json', 'text/html')
  @ApiOkResponse({
    description: 'Done; a page where `Accept` prefers one.',
    schema: { example: { status: 'success' } },
  })
  @ApiFailures(400, 403, 404, 422, 429)
  async use(
    @Param('token') token: string,
    @Body() { code }: UseLinkBody,
    @Client() client: ClientInfo,
    @Req() { raw }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const facts = await this.links.use(token, code, client);
    if (new Negotiator(raw).mediaType(['application/json', 'text/html']) === 'text/html') {
      sendPage(reply, this.config, LinkDonePage({ config: this.config, facts }));
    } else {
      void reply.code(200).type('application/json; charset=utf-8').send({ status: 'success' });
    }
  }
}
