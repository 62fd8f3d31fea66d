import { RemoteHost } from './remote-host.js';

/** A host that nobody needed for so long is forgotten; milliseconds, no less than the longest rest. */
const KEPT_MS = 300_000;

/** Of more hosts than these, those that were needed longest ago are forgotten. */
const MOST = 2000;

/** What is known of the hosts that were asked of late, in this process. */
export class RemoteHosts {
  /** In order of last use. */
  private readonly hosts = new Map<string, RemoteHost>();

  /** @param now the time in milliseconds */
  constructor(private readonly now: () => number = Date.now) {}

  /** How many are known. */
  get size(): number {
    return this.hosts.size;
  }

  /** The host of that name, with its port if it has one; to be asked at once, or else it may be forgotten. */
  get(name: string): RemoteHost {
    const host = this.hosts.get(name) ?? new RemoteHost(this.now);
    host.usedAt = this.now();
    this.hosts.delete(name);
    this.forgetIdle();
    this.hosts.set(name, host);
    return host;
  }

  private forgetIdle(): void {
    for (const [name, host] of this.hosts) {
      if (this.hosts.size < MOST && this.now() - host.usedAt < KEPT_MS) return;
      // One that is being asked would otherwise be known twice, and be asked twice as much.
      if (host.turns.isIdle) this.hosts.delete(name);
    }
  }
}
