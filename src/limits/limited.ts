import { applyDecorators } from '@nestjs/common';
import { ApiTooManyRequestsResponse } from '@nestjs/swagger';
import { routeFacts } from '../common/route-config.js';
import type { BudgetName } from '../config/config.js';

const documented = () => ApiTooManyRequestsResponse({ description: 'Throttled: wait `Retry-After` seconds.' });

/** Calls of this route are counted by address (contract.md §1.1). */
export const LimitedByAddress = (addressBudget: BudgetName) =>
  applyDecorators(routeFacts({ addressBudget }), documented());

/** Calls of this route are refused when its address has failed too often; the work counts the failures (contract.md §1.1). */
export const LimitedByFailures = (failureBudget: BudgetName) =>
  applyDecorators(routeFacts({ failureBudget }), documented());
