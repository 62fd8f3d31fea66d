import { applyDecorators } from '@nestjs/common';
import { ApiTooManyRequestsResponse } from '@nestjs/swagger';
import { routeFacts } from '../common/route-config.js';
import type { BudgetName } from '../config/config.js';

/** Calls of this route are counted by address (contract.md §1.1). */
export const LimitedByAddress = (addressBudget: BudgetName) =>
  applyDecorators(
    routeFacts({ addressBudget }),
    ApiTooManyRequestsResponse({ description: 'Throttled: wait `Retry-After` seconds.' }),
  );
