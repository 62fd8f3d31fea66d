import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A wire between the app and PostgreSQL that can be cut, clogged and mended. */
export class Wire {
  private readonly pairs = new Set<[Socket, Socket]>();
  private readonly server: Server;
  private isClogged = false;
  private port = 0;

  private constructor(private readonly target: URL) {
    this.server = createServer((near) => this.join(near));
  }

  static async to(url: string): Promise<Wire> {
    const wire = new Wire(new URL(url));
    await wire.mend();
    return wire;
  }

  /** The database's URL by way of this wire. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String(this.port);
    return url.href;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const pair of this.pairs) for (const end of pair) end.destroy();
    await closed;
  }

  /** From now on nothing gets through, and nobody is told. */
  clog(): void {
    this.isClogged = true;
    for (const [near, far] of this.pairs) near.unpipe(far);
    for (const [near, far] of this.pairs) far.unpipe(near);
  }

  async mend(): Promise<void> {
    if (this.isClogged) await this.cut();
    this.isClogged = false;
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  private join(near: Socket): void {
    const far = connect(Number(this.target.port), this.target.hostname);
    const pair: [Socket, Socket] = [near, far];
    this.pairs.add(pair);
    for (const end of pair) {
      end.on('error', () => {});
      end.on('close', () => {
        this.pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    if (!this.isClogged) near.pipe(far).pipe(near);
  }
}
