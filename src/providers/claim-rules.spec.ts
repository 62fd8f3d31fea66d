import { describe, expect, it } from 'vitest';
import { SsoProviderConfig, SsoRolesConfig } from '../config/sso-config.js';
import { fulfils, missingClaims, roleOf, valuesOf } from './claim-rules.js';

describe('valuesOf', () => {
  const claims = {
    group: 'staff',
    groups: ['staff', 'users'],
    level: 5,
    isStaff: true,
    mixed: ['a', 1, false, null, { b: 'c' }, ['d']],
    nothing: null,
    realm_access: { roles: ['admin'], deep: { er: 'x' } },
    'https://example.org/roles': ['writer'],
    'a.b': 'of the claim itself',
    a: { b: 'of the object' },
  };

  it.each([
    ['group', ['staff']],
    ['groups', ['staff', 'users']],
    ['level', ['5']],
    ['isStaff', ['true']],
    ['mixed', ['a', '1', 'false']],
    ['nothing', []],
    ['absent', []],
    ['realm_access', []],
    ['realm_access.roles', ['admin']],
    ['realm_access.deep.er', ['x']],
    ['realm_access.absent', []],
    ['realm_access.roles.0', []],
    ['group.length', []],
    ['https://example.org/roles', ['writer']],
    ['a.b', ['of the claim itself']],
    ['', []],
    ['toString', []],
    ['constructor.name', []],
    ['__proto__', []],
    ['__proto__.constructor.name', []],
    ['realm_access.constructor.name', []],
  ])('of %j are %j', (name, values) => {
    expect(valuesOf(claims, name)).toEqual(values);
  });
});

describe('missingClaims', () => {
  const claims = { groups: ['staff', 'users'], org: 'acme', level: 2 };

  it.each([
    ['no rule', {}, []],
    ['one of the values', { groups: ['admins', 'staff'] }, []],
    ['every claim named', { groups: ['staff'], org: ['acme'], level: ['2'] }, []],
    ['a claim with other values', { groups: ['admins'] }, ['groups']],
    ['one claim of two', { groups: ['staff'], org: ['other'] }, ['org']],
    ['no claim of two', { groups: ['Staff'], dept: ['x'] }, ['groups', 'dept']],
    ['a rule that names no value', { org: [] }, ['org']],
    ['a value that only begins alike', { org: ['acme2'] }, ['org']],
  ])('of %s', (_, rule, missing) => {
    expect(missingClaims(claims, rule)).toEqual(missing);
    expect(fulfils(claims, rule)).toBe(missing.length === 0);
  });
});

describe('roleOf', () => {
  const provider = (roles: Partial<SsoRolesConfig>) =>
    Object.assign(new SsoProviderConfig(), { roles: Object.assign(new SsoRolesConfig(), roles) });
  const both = provider({ admin: { groups: ['admins'] }, moderator: { groups: ['mods'] } });

  it.each([
    ['admins', { groups: ['users', 'admins'] }, 'admin'],
    ['moderators', { groups: 'mods' }, 'moderator'],
    ['those who are both', { groups: ['mods', 'admins'] }, 'admin'],
    ['anybody else', { groups: ['users'] }, null],
    ['somebody without claims', {}, null],
  ])('of %s', (_, claims, role) => {
    expect(roleOf(both, claims)).toBe(role);
  });

  it('is none where no rule gives one, though an empty rule lets everybody in', () => {
    expect(roleOf(provider({}), { groups: ['admins'] })).toBeNull();
    expect(fulfils({}, {})).toBe(true);
  });

  it('needs every claim of its rule', () => {
    const strict = provider({ admin: { groups: ['admins'], org: ['acme'] } });
    expect(roleOf(strict, { groups: ['admins'] })).toBeNull();
    expect(roleOf(strict, { groups: ['admins'], org: 'acme' })).toBe('admin');
  });
});
