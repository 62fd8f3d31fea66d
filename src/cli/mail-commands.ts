import type { INestApplicationContext } from '@nestjs/common';
import { OutboxService, type RetryOutcome, type UnsentMail } from '../mail/outbox.service.js';
import { Mistake } from './mistake.js';
import { say } from './terminal.js';

const PROBLEMS: Record<Exclude<RetryOutcome, 'queued'>, string> = {
  unknown: 'There is no such mail',
  sent: 'This mail was sent already',
  token_gone:
    'This mail holds a link, and its token was forgotten when the mail was given up. Let the person ask for a new one',
};

/** Lists the mails that wait, and those that were given up. */
export async function listMails(house: INestApplicationContext, { json }: { json?: true }): Promise<void> {
  const mails = (await house.get(OutboxService).listUnsent()).map(describeMail);
  if (json) say(JSON.stringify(mails, null, 2));
  else if (mails.length === 0) say('No mail waits, and none was given up.');
  // oxlint-disable-next-line no-console -- a table for a person is what was asked for
  else console.table(mails);
}

/** Sends a mail as soon as may be, also one that was given up. */
export async function retryMail(house: INestApplicationContext, id: string): Promise<void> {
  const outcome = await house.get(OutboxService).retry(id);
  if (outcome !== 'queued') throw new Mistake(PROBLEMS[outcome]);
  say('The running Gatehouse sends it as soon as the mail server takes it.');
}

function describeMail({ id, template, recipient, createdAt, failedAt, attempts, failure }: UnsentMail) {
  const state = failedAt ? 'given up' : 'waiting';
  return { id, template, recipient, state, since: createdAt.toISOString(), attempts, failure: failure ?? '' };
}
