import { Resolver } from 'node:dns/promises';
import type { HostAddress } from '../outgoing/guarded-fetch.js';

/** What asks name servers. */
export type AddressResolver = Pick<Resolver, 'resolve4' | 'resolve6'>;

const RESOLVER: AddressResolver = new Resolver({ timeout: 1500, tries: 2 });

/**
 * All addresses of a host in the DNS. Not by the system's resolver: that one blocks one of two threads for each name, and a
 * list of hosts whose name servers are silent would hold up the names that signing in and mail need.
 * @throws what the name server said, if it knows no address
 */
export async function addressesOf(hostname: string, resolver: AddressResolver = RESOLVER): Promise<HostAddress[]> {
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
  return [...listed(four, 4), ...listed(six, 6)];
}

function listed(answer: PromiseSettledResult<string[]>, family: number): HostAddress[] {
  return answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : [];
}
