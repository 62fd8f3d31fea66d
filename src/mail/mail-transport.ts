import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer';
import { Config } from '../config/config.js';
import type { RenderedLetter } from '../letters/render-letter.js';
import { plainWords } from '../letters/plain-words.js';
import { DeliveryFailed, judge } from './smtp-failure.js';

/** A mail that is ready to go. */
export interface OutgoingMail extends RenderedLetter {
  id: string;
  template: string;
  recipient: string;
  createdAt: Date;
}

/** Hands a mail to the server of `SMTP_URL`, or puts it into a file. */
@Injectable()
export class MailTransport {
  /**
   * How long a server may keep silent, in milliseconds. Until it has the message there is nothing to lose by going away.
   * Then it may still be looking at it, and who does not wait sends it twice (RFC 5321 §4.5.3.2.6).
   */
  readonly patience = { connect: 10_000, handOver: 20_000, answer: 120_000 };
  private readonly log = new Logger(MailTransport.name);

  constructor(private readonly config: Config) {}

  /** Sends one mail, once. @throws DeliveryFailed */
  async deliver(mail: OutgoingMail, signal: AbortSignal): Promise<void> {
    const message = await this.compose(mail);
    if (this.config.smtpUrl === null) await this.keep(mail, message);
    else await this.post(this.config.smtpUrl, mail.recipient, message, signal);
  }

  private get sender(): string {
    return this.config.mail.from ?? `noreply@${this.host}`;
  }

  /** Message-IDs and addresses know no ports. */
  private get host(): string {
    return this.config.domain.replace(/:\d+$/, '');
  }

  /** Addresses are objects, so that nobody parses what somebody typed (security.md R82). */
  private async compose({ id, recipient, createdAt, subject, text, html }: OutgoingMail): Promise<Buffer> {
    const composer = new MailComposer({
      from: { name: plainWords(this.config.instance.title, 100), address: this.sender },
      to: { name: '', address: recipient },
      subject,
      text,
      html,
      messageId: `<${id}@${this.host}>`,
      date: createdAt,
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    return composer.compile().build();
  }

  /** A connection for each mail: few are sent, and a kept one is dead when it is needed. */
  private async post(url: string, recipient: string, raw: Buffer, signal: AbortSignal): Promise<void> {
    const tooSlow = new AbortController();
    const timer = setTimeout(() => tooSlow.abort(), this.patience.handOver);
    let isHandedOver = false;
    const transport = createTransport({
      url,
      connectionTimeout: this.patience.connect,
      greetingTimeout: this.patience.connect,
      dnsTimeout: this.patience.connect,
      socketTimeout: this.patience.answer,
      logger: {
        info: (entry: { tnx?: string }) => {
          if (entry.tnx !== 'message') return;
          isHandedOver = true;
          clearTimeout(timer);
        },
      },
    });
    try {
      await transport.sendMail({
        envelope: { from: { name: '', address: this.sender }, to: { name: '', address: recipient } },
        raw,
        signal: AbortSignal.any([signal, tooSlow.signal]),
      });
    } catch (error) {
      throw new DeliveryFailed(judge(error, isHandedOver), error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sending it again writes the same file. */
  private async keep({ id, template, createdAt }: OutgoingMail, message: Buffer): Promise<void> {
    const folder = join(this.config.dataDir, 'mail');
    const path = join(folder, `${createdAt.toISOString().replaceAll(':', '-')}-${template}-${id}.eml`);
    try {
      await mkdir(this.config.dataDir, { recursive: true });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(path, message, { mode: 0o600 });
    } catch (error) {
      throw new DeliveryFailed('away', error);
    }
    this.log.log(`There is no SMTP_URL, so a mail was put into ${path}`);
  }
}
