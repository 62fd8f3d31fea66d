import { MaxId, PageLimit } from '../common/paging.js';

/** How many events a page has unless the caller says otherwise (contract.md §4.4). */
const USUAL = 40;

/** Query of `GET /api/v1/security_events`. */
export class SecurityEventsQuery {
  @PageLimit({ usual: USUAL, most: 100 })
  limit: number = USUAL;

  @MaxId()
  max_id?: number;
}
