import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person, waitPatiently } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { registerClient } from './support/flows.js';
import { answerRequest, change, kindsBetween, NOT_ALLOWED } from './support/relations.js';
import { begin, Roadblock } from './support/roadblock.js';

// Two processes on one database; every race is set up by what they have to wait for.

let test: TestApp;
let other: TestApp;
let alice: Person;
let bob: Person;
beforeAll(async () => {
  test = await startApp();
  other = await startApp(() => {}, test.database);
  const client = await registerClient(test);
  alice = await newPerson(test, client);
  bob = await newPerson(test, client);
  for (const app of [test, other]) waitPatiently(app);
});
afterAll(async () => {
  await other.close();
  await test.close();
});
beforeEach(async () => {
  await test.dataSource.query('delete from relationship');
  await changeUser(test, bob.id, 'locked = false');
});

const hold = ({ id }: Person) => Roadblock.put(test, 'select from "user" where id = $1 for update', [id]);
const relations = async () => ({
  ofAlice: await kindsBetween(test, alice.id, bob.id),
  ofBob: await kindsBetween(test, bob.id, alice.id),
});

describe('a follow and a block at once', () => {
  it.each([
    ['the follow comes first', ['follow', 'block'], 200],
    ['the block comes first', ['block', 'follow'], 403],
  ])('never leave both: %s', async (_, order, status) => {
    const gate = await hold(alice);
    const acts = {
      follow: () => begin(change(test, alice, 'follow', bob.id)),
      block: () => begin(change(other, bob, 'block', alice.id)),
    };
    const [first, second] = order as ('follow' | 'block')[];
    const answers: Partial<Record<'follow' | 'block', ReturnType<typeof change>>> = {};
    answers[first!] = acts[first!]();
    await gate.queue(1);
    answers[second!] = acts[second!]();
    await gate.queue(2);
    await gate.settle();
    expect((await answers.block)?.status).toBe(200);
    expect(await answers.follow).toMatchObject(status === 403 ? NOT_ALLOWED : { status });
    expect(await relations()).toEqual({ ofAlice: [], ofBob: ['block'] });
  });

  it('never leave both, when both follow and block each other', async () => {
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all([
        change(test, alice, 'follow', bob.id),
        change(other, bob, 'block', alice.id),
        change(other, bob, 'follow', alice.id),
        change(test, alice, 'block', bob.id),
      ]);
      expect(answers.map(({ status }) => status).every((status) => status === 200 || status === 403)).toBe(true);
      expect(await relations()).toEqual({ ofAlice: ['block'], ofBob: ['block'] });
      await Promise.all([change(test, alice, 'unblock', bob.id), change(other, bob, 'unblock', alice.id)]);
    }
  });
});

describe('two who block each other at once', () => {
  it('do, and neither waits for ever', async () => {
    const gates = [await hold(alice), await hold(bob)];
    const blocks = [begin(change(test, alice, 'block', bob.id)), begin(change(other, bob, 'block', alice.id))];
    await gates[0]!.queue(2);
    for (const gate of gates) await gate.settle();
    expect((await Promise.all(blocks)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await relations()).toEqual({ ofAlice: ['block'], ofBob: ['block'] });
  });
});

describe('one follow sent twice at once', () => {
  it('is one', async () => {
    const gate = await hold(alice);
    const follows = [begin(change(test, alice, 'follow', bob.id)), begin(change(other, alice, 'follow', bob.id))];
    await gate.queue(2);
    await gate.settle();
    expect((await Promise.all(follows)).map(({ body }) => body)).toMatchObject([
      { following: true },
      { following: true },
    ]);
    expect(await relations()).toEqual({ ofAlice: ['follow'], ofBob: [] });
  });
});

describe('an answer to a request', () => {
  const asked = async () => {
    await changeUser(test, bob.id, 'locked = true');
    await change(test, alice, 'follow', bob.id);
  };

  it('is not lost to a change of the request at the same time', async () => {
    await asked();
    const gate = await hold(alice);
    const accepted = begin(answerRequest(other, bob, alice.id, 'authorize'));
    await gate.queue(1);
    const changed = begin(change(test, alice, 'follow', bob.id, { notify: true }));
    await gate.queue(2);
    await gate.settle();
    expect((await accepted).status).toBe(200);
    expect((await changed).body).toMatchObject({ following: true, requested: false, notifying: true });
  });

  it('finds nothing when a block of the other side came before', async () => {
    await asked();
    const gate = await hold(alice);
    const blocked = begin(change(test, alice, 'block', bob.id));
    await gate.queue(1);
    const accepted = begin(answerRequest(other, bob, alice.id, 'authorize'));
    await gate.queue(2);
    await gate.settle();
    expect((await blocked).status).toBe(200);
    expect((await accepted).status).toBe(404);
    expect(await relations()).toEqual({ ofAlice: ['block'], ofBob: [] });
  });

  it('is one of two that are given at once', async () => {
    await asked();
    const gate = await hold(alice);
    const answers = ['authorize', 'reject'].map((answer, app) =>
      begin(answerRequest(app ? other : test, bob, alice.id, answer)),
    );
    await gate.queue(2);
    await gate.settle();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 404]));
    expect((await relations()).ofAlice).toEqual(statuses[0] === 200 ? ['follow'] : []);
  });
});
