import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { Flag, Text } from '../common/fields.js';
import { PageLimit } from '../common/paging.js';
import type { Config } from '../config/config.js';
import type { ListedAccounts } from '../relationships/account-lists.js';
import type { Standing } from '../relationships/read-relationships.js';
import { AccountResponse, mapAccount } from './account.dto.js';
import { mapRelationship } from './relationship.dto.js';

/** How many accounts a page has unless the caller says otherwise (contract.md §8.4). */
const USUAL = 40;

/** Query of the lists of accounts. */
export class AccountListQuery {
  @PageLimit({ usual: USUAL, most: 80 })
  limit: number = USUAL;

  @AccountCursor('Only accounts with lower ids: the next page, by the last id of the one before.')
  max_id?: string;

  @AccountCursor('Only accounts with higher ids, from the highest on.')
  since_id?: string;

  @AccountCursor('Only accounts with higher ids, those next to it: the page before.')
  min_id?: string;

  @Flag({ description: 'Fill `pleroma.relationship` for the calling person, with a token that covers `read:follows`.' })
  with_relationships?: boolean;
}

/** An account in the list of mutes. */
export class MutedAccountResponse extends AccountResponse {
  @ApiProperty({ type: String, nullable: true, example: null, description: 'Null is never.' })
  mute_expires_at: string | null;
}

/** A page of a list, for whoever asked. */
export interface FoundList extends ListedAccounts {
  path: string;
  query: AccountListQuery;
  /** How the caller stands to each, by account, where that was asked for. */
  standings: ReadonlyMap<string, Standing>;
}

/** The page as on the wire, and in `Link` where its neighbours are. */
export function sendAccounts(reply: FastifyReply, config: Config, list: FoundList): AccountResponse[] {
  const links = linksOf(config, list);
  if (links !== null) void reply.header('link', links);
  return list.accounts.map((account) => {
    const standing = list.standings.get(account.id);
    return mapAccount(config, account, standing && mapRelationship(standing));
  });
}

/** The same of the list of mutes. */
export function sendMutedAccounts(reply: FastifyReply, config: Config, list: FoundList): MutedAccountResponse[] {
  return sendAccounts(reply, config, list).map((account, index) => ({
    ...account,
    mute_expires_at: list.accounts[index]?.expiresAt?.toISOString() ?? null,
  }));
}

/** The OpenAPI description of `Link`. */
export const LINK = {
  Link: {
    description: 'The pages after (`next`) and before (`prev`) this one, where there are any.',
    schema: {
      type: 'string',
      example:
        '<https://example.org/api/v1/blocks?limit=40&max_id=019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10>; rel="next", ' +
        '<https://example.org/api/v1/blocks?limit=40&min_id=019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2bff>; rel="prev"',
    },
  },
} as const;

/** `Link` of a page (RFC 8288), on our own public URL; null for an empty one. */
function linksOf(config: Config, { path, query, accounts, hasMore }: FoundList): string | null {
  const [first, last] = [accounts.at(0), accounts.at(-1)];
  if (!first || !last) return null;
  const { limit, with_relationships } = query;
  const link = (cursor: string, rel: string) =>
    `<${config.url(path)}?limit=${limit}&${cursor}${with_relationships ? '&with_relationships=true' : ''}>; rel="${rel}"`;
  const next = hasMore ? [link(`max_id=${last.id}`, 'next')] : [];
  return [...next, link(`min_id=${first.id}`, 'prev')].join(', ');
}

function AccountCursor(description: string): PropertyDecorator {
  return applyDecorators(Text({ description, example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' }), IsUUID());
}
