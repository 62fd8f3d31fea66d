import { describe, expect, it } from 'vitest';
import { addressesOf } from './host-addresses.js';

const unknown = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
const lacking = () => Promise.reject(Object.assign(new Error('no such record'), { code: 'ENODATA' }));
type Resolve = (name: string) => Promise<string[]>;

/** A name server that answers so. */
function resolver(resolve4: Resolve, resolve6: Resolve) {
  return { resolve4, resolve6 } as Parameters<typeof addressesOf>[1];
}

describe('addressesOf', () => {
  it('tells addresses of both families', async () => {
    const names = resolver(
      async (name) => [`${name} four`],
      async (name) => [`${name} six`],
    );
    expect(await addressesOf('example.org', names)).toEqual([
      { address: 'example.org four', family: 4 },
      { address: 'example.org six', family: 6 },
    ]);
  });

  it.each([
    ['4', resolver(async () => ['192.0.2.1'], lacking), [{ address: '192.0.2.1', family: 4 }]],
    ['6', resolver(lacking, async () => ['2001:db8::1']), [{ address: '2001:db8::1', family: 6 }]],
  ])('tells those of family %s when there are no others', async (_, names, addresses) => {
    expect(await addressesOf('example.org', names)).toEqual(addresses);
  });

  it('fails as the name server does', async () => {
    await expect(addressesOf('example.org', resolver(unknown, unknown))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
