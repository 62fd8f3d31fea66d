import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ProvidersModule } from '../providers/providers.module.js';
import { SsoFlow } from './sso-flow.entity.js';
import { SsoFlowsService } from './sso-flows.service.js';

/** Visits to providers. */
@Module({
  imports: [TypeOrmModule.forFeature([SsoFlow]), ProvidersModule],
  providers: [SsoFlowsService],
  exports: [SsoFlowsService, ProvidersModule],
})
export class SsoFlowsModule {}
