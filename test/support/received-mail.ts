import { type HeaderLines, simpleParser } from 'mailparser';

/** A mail as it arrived, parsed. */
export interface ReceivedMail {
  /** What was said in SMTP, whatever the headers say. */
  envelope: { from: string; to: string[] };
  /** The recipient in the envelope: every mail has one. */
  to: string;
  subject: string;
  /** The value of `From`, decoded. */
  from: string;
  text: string;
  html: string;
  /** Every address that the text or the HTML leads to, each once. */
  links: string[];
  messageId: string;
  date: Date | undefined;
  headerLines: HeaderLines;
  raw: string;
}

/** Which mail is meant. */
export interface MailMatch {
  to?: string;
  subject?: RegExp;
}

/** Whether a mail is one of those. */
export function fits(mail: ReceivedMail, { to, subject }: MailMatch): boolean {
  return (to === undefined || mail.to === to) && (subject === undefined || subject.test(mail.subject));
}

/** Reads a message as a mail program would. */
export async function parseMail(raw: Buffer, envelope: { from: string; to: string[] }): Promise<ReceivedMail> {
  const mail = await simpleParser(raw);
  const html = mail.html || '';
  const text = mail.text ?? '';
  const hrefs = [...html.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'));
  const bare = text.match(/https?:\/\/[^\s<>]+/g) ?? [];
  return {
    envelope,
    to: envelope.to[0] ?? '',
    subject: mail.subject ?? '',
    from: mail.from?.text ?? '',
    text,
    html,
    links: [...new Set([...hrefs, ...bare])],
    messageId: mail.messageId ?? '',
    date: mail.date,
    headerLines: mail.headerLines,
    raw: raw.toString('utf8'),
  };
}
