import { createRestAPIClient, MastoHttpError, type mastodon } from 'masto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { registerClient } from './support/flows.js';
import { makePeople, makeRemote, relateAll } from './support/graph.js';
import { grantScope } from './support/routes.js';

// What nobody of this house wrote: a published client over a real socket, whose links lead to where we listen.

let test: TestApp;
let origin: string;
let alice: Person;
let bob: Person;
let api: mastodon.rest.Client;
let apiOfBob: mastodon.rest.Client;
beforeAll(async () => {
  test = await startApp();
  origin = await test.listen();
  test.config.publicUrl = origin;
  const client = await registerClient(test);
  alice = await newPerson(test, client);
  bob = await newPerson(test, client);
  const signedIn = ({ token }: Person) => createRestAPIClient({ url: origin, accessToken: token });
  [api, apiOfBob] = [signedIn(alice), signedIn(bob)];
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.dataSource.query('delete from relationship');
});

describe('masto 7, the Mastodon client library', () => {
  it('follows with options, and unfollows', async () => {
    const account = api.v1.accounts.$select(bob.id);
    const followed = await account.follow({ reblogs: false, notify: true, languages: ['en'] });
    expect(followed).toMatchObject({ following: true, showingReblogs: false, notifying: true, languages: ['en'] });
    const [standing] = await apiOfBob.v1.accounts.relationships.fetch({ id: [alice.id] });
    expect(standing).toMatchObject({ id: alice.id, followedBy: true, following: false });
    expect(await account.unfollow()).toMatchObject({ following: false });
  });

  it('mutes for a while, blocks, and takes both back', async () => {
    const account = api.v1.accounts.$select(bob.id);
    expect(await account.mute({ notifications: false, duration: 3600 })).toMatchObject({
      muting: true,
      mutingNotifications: false,
    });
    expect(await api.v1.mutes.list()).toMatchObject([{ id: bob.id, muteExpiresAt: expect.any(String) }]);
    expect(await account.block()).toMatchObject({ blocking: true });
    expect(await api.v1.blocks.list()).toMatchObject([{ id: bob.id }]);
    const refused: unknown = await apiOfBob.v1.accounts
      .$select(alice.id)
      .follow()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MastoHttpError);
    expect(refused).toMatchObject({ statusCode: 403, message: 'This action is not allowed' });
    expect(await account.unmute()).toMatchObject({ muting: false, blocking: true });
    expect(await account.unblock()).toMatchObject({ blocking: false });
  });

  it('locks the account, and answers who asks to follow', async () => {
    expect(await api.v1.accounts.updateCredentials({ locked: true, note: 'Ask' })).toMatchObject({
      locked: true,
      source: { note: 'Ask' },
    });
    expect(await apiOfBob.v1.accounts.$select(alice.id).follow()).toMatchObject({ requested: true, following: false });
    expect(await api.v1.followRequests.list()).toMatchObject([{ id: bob.id }]);
    expect((await api.v1.accounts.verifyCredentials()).source.followRequestsCount).toBe(1);
    expect(await api.v1.followRequests.$select(bob.id).authorize()).toMatchObject({ followedBy: true });
    expect((await api.v1.accounts.verifyCredentials()).followersCount).toBe(1);
    await apiOfBob.v1.accounts.$select(alice.id).unfollow();
    await apiOfBob.v1.accounts.$select(alice.id).follow();
    expect(await api.v1.followRequests.$select(bob.id).reject()).toMatchObject({ requestedBy: false });
    await api.v1.accounts.updateCredentials({ locked: false });
  });

  it('goes through a long list by its links, to the end', async () => {
    const crowd = (await makePeople(test, 100)).toSorted().toReversed();
    await relateAll(test, 'follow', alice.id, crowd);
    const seen: string[] = [];
    for await (const page of createRestAPIClient({ url: origin }).v1.accounts.$select(alice.id).following.list()) {
      seen.push(...page.map(({ id }) => id));
    }
    expect(seen).toEqual(crowd);
  });

  it('looks accounts up, and reads preferences', async () => {
    const [far = ''] = await makeRemote(test, 1);
    const { acct } = await api.v1.accounts.$select(far).fetch();
    expect(acct).toMatch(/@far\.example$/);
    expect(await api.v1.accounts.lookup({ acct })).toMatchObject({ id: far, acct });
    expect(await api.v1.accounts.$select(far).follow()).toMatchObject({ requested: true });
    expect(await api.v1.preferences.fetch()).toMatchObject({ 'posting:default:visibility': 'public' });
  });

  it('hears which scope is missing', async () => {
    await grantScope(test, alice.tokens.id, 'read');
    const refused: unknown = await api.v1.accounts
      .$select(bob.id)
      .follow()
      .catch((error: unknown) => error);
    await grantScope(test, alice.tokens.id, 'read write');
    expect(refused).toMatchObject({
      statusCode: 403,
      message: 'Insufficient permissions: follow | write:follows.',
    });
  });
});
