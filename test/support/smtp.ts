import { EventEmitter, once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { callbackify } from 'node:util';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { fits, type MailMatch, parseMail, type ReceivedMail } from './received-mail.js';

/** Where in a session something goes wrong; `reply` is after the message has been taken and before the client hears so. */
export type SmtpStage = 'connect' | 'login' | 'recipient' | 'data' | 'reply';

/** What goes wrong: an answer like `451 Try again`, or the connection is lost. */
export interface Fault {
  at: SmtpStage;
  /** The answer; without one, the connection is lost. */
  say?: string;
  /** How often, before all is well again; for ever by default. */
  times?: number;
  /** Only for this recipient. */
  to?: string;
}

/** How long a mail is waited for, in milliseconds. */
const PATIENCE_MS = 15_000;

/** Starts a real mail server on loopback that parses what arrives. Close it in `afterAll`, after the app. */
export async function startSmtp(options: { login?: { user: string; pass: string } } = {}): Promise<SmtpListener> {
  const listener = new SmtpListener(options.login ?? null);
  await listener.start();
  return listener;
}

/** A mail server that can be told to misbehave. */
export class SmtpListener {
  /** Everything that was taken, oldest first; a message whose `reply` was lost is among it. */
  readonly mails: ReceivedMail[] = [];
  /** Connections so far, also those that ended badly. */
  connections = 0;
  /** The most connections that were open at once. */
  mostAtOnce = 0;
  private readonly events = new EventEmitter().setMaxListeners(0);
  private readonly taken = new Set<ReceivedMail>();
  private readonly open = new Map<string, SMTPServerSession>();
  private server: SMTPServer | null = null;
  private port = 0;
  private fault: Fault | null = null;
  private held: { at: SmtpStage; until: Promise<void> } | null = null;

  constructor(private readonly login: { user: string; pass: string } | null) {}

  /** For `SMTP_URL`. */
  get url(): string {
    const login = this.login ? `${encodeURIComponent(this.login.user)}:${encodeURIComponent(this.login.pass)}@` : '';
    return `smtp://${login}127.0.0.1:${this.port}`;
  }

  /** The oldest mail that fits and was not answered before; waits for it. */
  async next(match: MailMatch = {}, patience = PATIENCE_MS): Promise<ReceivedMail> {
    const found = await this.until(
      'mail',
      () => this.mails.find((mail) => !this.taken.has(mail) && fits(mail, match)),
      patience,
      () => `No mail came ${JSON.stringify(match.to ?? '')} ${match.subject ?? ''}; there were: ${this.describe()}`,
    );
    this.taken.add(found);
    return found;
  }

  /** Mails that fit, whether or not `next` answered them. */
  sentTo(match: MailMatch): ReceivedMail[] {
    return this.mails.filter((mail) => fits(mail, match));
  }

  /** The one link of a mail that carries a token. */
  linkOf(mail: ReceivedMail): string {
    const links = mail.links.filter((link) => /\/auth\/link\/[\w-]{43}$|[?&]token=[\w-]{43}$/.test(link));
    const [link] = links;
    if (link === undefined || links.length > 1) throw new Error(`${links.length} links with a token in: ${mail.text}`);
    return link;
  }

  /** Waits until so many connections have been made since the start. */
  async connected(count: number, patience = PATIENCE_MS): Promise<void> {
    await this.until(
      'connection',
      () => (this.connections >= count ? true : undefined),
      patience,
      () => `${this.connections} connections came, not ${count}`,
    );
  }

  /** From now on this goes wrong. */
  misbehave(fault: Fault): void {
    this.fault = { ...fault };
  }

  /** From now on all is well. */
  behave(): void {
    this.fault = null;
  }

  /** Says nothing at that stage until the answered function is called: a server that is as slow as the test wants it. */
  hold(at: SmtpStage): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = { at, until: promise };
    this.held = held;
    return () => {
      if (this.held === held) this.held = null;
      resolve();
    };
  }

  /** Connections are refused from now on, and open ones lost. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server) return;
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    for (const session of this.open.values()) this.cut(session, server);
    await closed.promise;
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    const server = new SMTPServer(this.options());
    // Clients that go away are what some tests are about.
    server.on('error', () => {});
    this.server = server;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(this.port, '127.0.0.1', resolve);
    await promise;
    this.port = (server.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await this.stop();
  }

  private options(): SMTPServerOptions {
    return {
      logger: false,
      banner: 'test',
      closeTimeout: 100,
      disableReverseLookup: true,
      allowInsecureAuth: true,
      disabledCommands: this.login ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
      onConnect: (session, callback) => {
        this.connections++;
        this.open.set(session.id, session);
        this.mostAtOnce = Math.max(this.mostAtOnce, this.open.size);
        this.events.emit('connection');
        callbackify(() => this.pass('connect', session))(callback);
      },
      onClose: (session, callback) => {
        this.open.delete(session.id);
        callback();
      },
      onAuth: ({ username, password }, session, callback) => {
        callbackify(async () => {
          await this.pass('login', session);
          const isRight = username === this.login?.user && password === this.login?.pass;
          if (!isRight) throw failure('535 Authentication failed');
          return { user: username };
        })(callback);
      },
      onRcptTo: ({ address }, session, callback) => {
        callbackify(() => this.pass('recipient', session, address))(callback);
      },
      onData: (stream, session, callback) => {
        callbackify(() => this.receive(stream, session))(callback);
      },
    };
  }

  private async receive(stream: AsyncIterable<Buffer>, session: SMTPServerSession): Promise<void> {
    const { mailFrom, rcptTo } = session.envelope;
    const to = rcptTo.map(({ address }) => address);
    const chunks: Buffer[] = [];
    // A message that is refused has been read all the same, or the client would not listen.
    const isDropped = this.strikes('data', to[0]) && this.fault?.say === undefined;
    for await (const chunk of stream) {
      if (isDropped) await this.pass('data', session, to[0]);
      chunks.push(chunk);
    }
    await this.pass('data', session, to[0]);
    this.mails.push(await parseMail(Buffer.concat(chunks), { from: mailFrom === false ? '' : mailFrom.address, to }));
    this.events.emit('mail');
    await this.pass('reply', session, to[0]);
  }

  /** Waits, fails or loses the connection, as it was told to. */
  private async pass(at: SmtpStage, session: SMTPServerSession, to?: string): Promise<void> {
    if (this.held?.at === at) await this.held.until;
    const { fault } = this;
    if (!fault || !this.strikes(at, to)) return;
    if (fault.times !== undefined && --fault.times <= 0) this.fault = null;
    if (fault.say !== undefined) throw failure(fault.say);
    this.cut(session);
    // Whoever waits for the answer is gone.
    await new Promise(() => {});
  }

  private strikes(at: SmtpStage, to?: string): boolean {
    return this.fault?.at === at && (this.fault.to === undefined || this.fault.to === to);
  }

  private cut({ id }: SMTPServerSession, server = this.server): void {
    for (const connection of (server?.connections ?? []) as Iterable<{ id: string; _socket: Socket }>)
      if (connection.id === id) connection._socket.destroy();
  }

  private async until<T>(event: string, look: () => T | undefined, patience: number, complaint: () => string) {
    const deadline = AbortSignal.timeout(patience);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      try {
        await once(this.events, event, { signal: deadline });
      } catch {
        throw new Error(complaint());
      }
    }
  }

  private describe(): string {
    return this.mails.map(({ to, subject }) => `${to}: ${subject}`).join('; ') || 'none';
  }
}

/** An error that the server tells as this answer. */
function failure(answer: string): Error {
  const [code = '', ...words] = answer.split(' ');
  return Object.assign(new Error(words.join(' ')), { responseCode: Number(code) });
}
