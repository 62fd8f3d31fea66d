import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiExcludeController, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { redirectSource } from '../applications/redirect-uri.js';
import { belongsTo } from '../auth/consent.service.js';
import { PasskeySignInService } from '../auth/passkey-sign-in.service.js';
import { CallingBrowser, type SignedInBrowser } from '../browsers/signed-in-browser.js';
import { Browser } from '../common/access.js';
import { Refusal } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { looksLikeSecret } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { AuthorizationCodesService } from '../oauth/authorization-codes.service.js';
import { OidcClient } from '../providers/oidc.client.js';
import { PAGE_LIFE } from '../passkeys/webauthn-challenges.service.js';
import { CodePage, NoCodePage } from './code.page.js';
import { ConsentPage } from './consent.page.js';
import { LoginPage } from './login.page.js';
import { LoginRequestsService } from './login-requests.service.js';
import { CodePageQuery, ConsentPageQuery, LoginPageQuery } from './pages.dto.js';

/** The authorization endpoint, which is the login page (RFC 6749 §3.1; contract.md §2.3). */
@ApiTags('OAuth')
@Browser()
@Speaks('authorize')
@Controller()
export class LoginPageController {
  constructor(
    private readonly requests: LoginRequestsService,
    private readonly passkeys: PasskeySignInService,
    private readonly oidc: OidcClient,
    private readonly config: Config,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Open this in a browser to sign a person in; the built-in login page.' })
  @ApiProduces('text/html')
  @ApiResponse({ status: 200, description: 'The login page.' })
  @ApiResponse({
    status: 302,
    description: 'To the redirect URI with `error`, `error_description`, `state` and `iss`: the request is wrong.',
  })
  @ApiResponse({ status: 400, description: 'The client is unknown, or the redirect URI is not one of its.' })
  async show(
    @Query() query: LoginPageQuery,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const [request, passkeyOptions] = await Promise.all([
      this.requests.read(query, browser),
      this.passkeys.isOffered ? this.passkeys.options(PAGE_LIFE) : null,
    ]);
    const page = LoginPage({ config: this.config, ...request, passkeyOptions });
    sendPage(reply, this.config, page, { formTargets: this.oidc.pageOrigins() });
  }
}

/** The consent page (contract.md §3.1). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class ConsentPageController {
  constructor(
    private readonly codes: AuthorizationCodesService,
    private readonly config: Config,
  ) {}

  /** Our row tells what is asked for, and only the browser that got the code is told (security.md R48). */
  @Get()
  async show(
    @Query() { code }: ConsentPageQuery,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const pending = await this.codes.findLive(code);
    if (!pending || !browser || !belongsTo(pending, browser)) {
      throw new Refusal('invalid_grant', 'This sign-in has expired or was started elsewhere');
    }
    const formTarget = redirectSource(pending.redirectUri);
    const page = ConsentPage({ config: this.config, code, pending, username: browser.username });
    sendPage(reply, this.config, page, { formTargets: formTarget === null ? [] : [formTarget] });
  }
}

/** The page of out-of-band results (contract.md §3.5.2). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class CodePageController {
  constructor(private readonly config: Config) {}

  @Get()
  show(@Query() { code, error }: CodePageQuery, @Res() reply: FastifyReply): void {
    const { config } = this;
    if (error !== undefined)
      return sendPage(reply, config, NoCodePage({ config, isDenied: error === 'access_denied' }));
    if (code === undefined || !looksLikeSecret(code)) throw new Refusal('invalid_request', 'There is no code to show');
    sendPage(reply, config, CodePage({ config, code }));
  }
}
