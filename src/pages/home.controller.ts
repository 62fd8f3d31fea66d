import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { HomePage } from './home.page.js';
import { readLinkNews } from './link-news.js';
import { HomePageQuery } from './pages.dto.js';

/** The front page. */
@ApiExcludeController()
@Browser()
@Controller()
export class HomeController {
  constructor(private readonly config: Config) {}

  @Get()
  show(@Query() query: HomePageQuery, @Res() reply: FastifyReply): void {
    sendPage(reply, this.config, HomePage({ config: this.config, news: readLinkNews(query) }));
  }
}
