import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { HomePage } from './home.page.js';

/** The front page. */
@ApiExcludeController()
@Browser()
@Controller()
export class HomeController {
  constructor(private readonly config: Config) {}

  @Get()
  show(@Res() reply: FastifyReply): void {
    sendPage(reply, this.config, HomePage({ config: this.config }));
  }
}
