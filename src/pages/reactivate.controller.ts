import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { Refusal } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { looksLikeSecret } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { ReactivatePageQuery } from './pages.dto.js';
import { ReactivatePage } from './reactivate.page.js';

/** The page on which somebody takes their account back (contract.md §3.1). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class ReactivatePageController {
  constructor(private readonly config: Config) {}

  @Get()
  show(
    @Query() { reactivation_token: token, reason, ...parameters }: ReactivatePageQuery,
    @Res() reply: FastifyReply,
  ): void {
    if (!looksLikeSecret(token)) throw new Refusal('invalid_request', 'There is no account to bring back');
    const isDeleted = reason === 'deletion_pending';
    sendPage(reply, this.config, ReactivatePage({ config: this.config, token, isDeleted, parameters }));
  }
}
