import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AttemptBudget } from './attempt-budget.entity.js';
import { LimitsService } from './limits.service.js';

/** Attempt budgets and rate limits, atomic across replicas. */
@Module({ imports: [TypeOrmModule.forFeature([AttemptBudget])], providers: [LimitsService], exports: [LimitsService] })
export class LimitsModule {}
