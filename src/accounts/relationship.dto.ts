import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, Matches } from 'class-validator';
import { Transform } from 'class-transformer';
import { Flag, TextOrList, WholeNumber } from '../common/fields.js';
import { validate as isUuid } from 'uuid';
import type { Standing } from '../relationships/read-relationships.js';
import type { FollowOptions, MuteOptions } from '../relationships/relationships.service.js';

/** The most accounts of one question (contract.md §8.4). */
const MOST_ASKED = 80;

/** The longest mute that is not for ever, in seconds: ten years. */
const LONGEST_MUTE = 315_360_000;

/** Query of `GET /api/v1/accounts/relationships`. */
export class RelationshipsQuery {
  @List({ description: `Ids of up to ${MOST_ASKED} accounts; \`id[]\` for several.`, most: MOST_ASKED })
  id: string[] = [];
}

/** The accounts a query asks for, each once; what is no id is nobody's. */
export function readAskedIds({ id }: RelationshipsQuery): string[] {
  return [...new Set(id.filter(isUuid).map((one) => one.toLowerCase()))];
}

/** Body of `POST /api/v1/accounts/:id/follow`; what is left out stays as it is. */
export class FollowBody {
  @Flag({ description: 'Show the account’s boosts; at first true.' })
  reblogs?: boolean;

  @Flag({ description: 'Tell of each post; at first false.' })
  notify?: boolean;

  @List({ description: 'Languages of the posts to show; an empty list is all, as at first.', most: 100 })
  @Matches(/^[a-z]{2,8}(-[a-z\d]{1,8})*$/i, { each: true })
  languages?: string[];
}

/** Body of `POST /api/v1/accounts/:id/mute`. */
export class MuteBody {
  @Flag({ description: 'Also hide notifications; true by default.' })
  notifications?: boolean;

  @WholeNumber({ description: 'Seconds; 0, the default, is for ever.', most: LONGEST_MUTE })
  duration?: number;

  @WholeNumber({ description: 'The same, as Pleroma-FE calls it.', most: LONGEST_MUTE })
  expires_in?: number;
}

/** Mastodon's Relationship: how the caller stands to an account (contract.md §8.4). */
export class RelationshipResponse {
  @ApiProperty({ example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' })
  id: string;

  @ApiProperty({ example: true })
  following: boolean;

  @ApiProperty({ example: true })
  showing_reblogs: boolean;

  @ApiProperty({ example: false })
  notifying: boolean;

  @ApiProperty({ type: [String], nullable: true, example: null })
  languages: string[] | null;

  @ApiProperty({ example: false })
  followed_by: boolean;

  @ApiProperty({ example: false })
  blocking: boolean;

  @ApiProperty({ example: false })
  blocked_by: boolean;

  @ApiProperty({ example: false })
  muting: boolean;

  @ApiProperty({ example: false })
  muting_notifications: boolean;

  @ApiProperty({ example: false, description: 'A follow waits for an answer.' })
  requested: boolean;

  @ApiProperty({ example: false, description: 'They wait for the caller’s answer.' })
  requested_by: boolean;

  @ApiProperty({ example: false })
  domain_blocking: boolean;

  @ApiProperty({ example: false })
  endorsed: boolean;

  @ApiProperty({ example: false, description: 'As `notifying`, for Pleroma’s clients.' })
  subscribing: boolean;

  @ApiProperty({ example: '' })
  note: string;
}

/** The relationship as on the wire. */
export function mapRelationship(standing: Standing): RelationshipResponse {
  return {
    id: standing.id,
    following: standing.following,
    showing_reblogs: standing.reblogs,
    notifying: standing.notify,
    languages: standing.languages,
    followed_by: standing.followedBy,
    blocking: standing.blocking,
    blocked_by: standing.blockedBy,
    muting: standing.muting,
    muting_notifications: standing.mutingNotifications,
    requested: standing.requested,
    requested_by: standing.requestedBy,
    domain_blocking: false,
    endorsed: false,
    subscribing: standing.notify,
    note: '',
  };
}

/** What a body wants of a follow. */
export function readFollowOptions({ reblogs, notify, languages }: FollowBody): FollowOptions {
  return { reblogs, notify, languages };
}

/** What a body wants of a mute. */
export function readMuteOptions({ notifications, duration, expires_in }: MuteBody): MuteOptions {
  return { notifications, duration: duration ?? expires_in };
}

/** A list, also when it is a single value. */
function List({ description, most }: { description: string; most: number }): PropertyDecorator {
  return applyDecorators(
    TextOrList({ description }),
    Transform(({ value }) => (typeof value === 'string' ? [value] : value)),
    ArrayMaxSize(most),
  );
}
