import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdentitiesModule } from '../identities/identities.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { SsoFlowsModule } from '../sso-flows/sso-flows.module.js';
import { UsersModule } from '../users/users.module.js';
import { SsoLinkStepController } from './sso-link-step.controller.js';
import { SsoLinkStepService } from './sso-link-step.service.js';
import { SsoLinkTicket } from './sso-link-ticket.entity.js';
import { SsoLinkTicketsService } from './sso-link-tickets.service.js';
import { SsoLinksController } from './sso-links.controller.js';
import { SsoLinksService } from './sso-links.service.js';

/** How people link and unlink identities at providers. */
@Module({
  imports: [
    TypeOrmModule.forFeature([SsoLinkTicket]),
    IdentitiesModule,
    MfaModule,
    SessionsModule,
    SsoFlowsModule,
    UsersModule,
  ],
  controllers: [SsoLinksController, SsoLinkStepController],
  providers: [SsoLinksService, SsoLinkStepService, SsoLinkTicketsService],
  exports: [SsoLinksService, SsoLinkStepService],
})
export class SsoLinksModule {}
