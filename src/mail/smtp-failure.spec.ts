import { describe, expect, it } from 'vitest';
import { DeliveryFailed, judge } from './smtp-failure.js';

const failure = (facts: object) => Object.assign(new Error('it failed'), facts);
const answer = (code: string, command: string, responseCode: number) =>
  failure({ code, command, responseCode, permanent: responseCode >= 500 && responseCode !== 503 });

describe('judge', () => {
  it.each([
    ['refused', 'an unknown recipient', answer('EENVELOPE', 'RCPT TO', 550)],
    ['refused', 'a message that is not wanted', answer('EMESSAGE', 'DATA', 554)],
    ['refused', 'no valid recipients', answer('EENVELOPE', 'DATA', 554)],
    ['refused', 'an address that the library does not send to', failure({ code: 'EENVELOPE', command: 'API' })],
    ['refused', 'a message that is too big', failure({ code: 'EMESSAGE', command: 'MAIL FROM' })],
    ['later', 'greylisting', answer('EENVELOPE', 'RCPT TO', 451)],
    ['later', 'a full mailbox', answer('EMESSAGE', 'DATA', 452)],
    ['later', 'commands that came out of order', answer('EENVELOPE', 'RCPT TO', 503)],
    ['away', 'a server that shuts down', answer('EENVELOPE', 'RCPT TO', 421)],
    ['away', 'a server that greets with a refusal', answer('EPROTOCOL', 'CONN', 554)],
    ['away', 'a wrong password of ours', answer('EAUTH', 'AUTH PLAIN', 535)],
    ['away', 'a sender that may not send', answer('EENVELOPE', 'MAIL FROM', 550)],
    ['away', 'no server', failure({ code: 'ESOCKET', command: 'CONN', originalCode: 'ECONNREFUSED' })],
    ['away', 'no such name', failure({ code: 'EDNS', command: 'CONN' })],
    ['away', 'a certificate that is not theirs', failure({ code: 'ETLS', command: 'CONN' })],
    ['away', 'silence', failure({ code: 'ETIMEDOUT', command: 'CONN' })],
    ['away', 'our own impatience', failure({ code: 'EABORT', name: 'AbortError' })],
    ['away', 'something else', new Error('whatever')],
  ] as const)('takes it as "%s": %s', (verdict, _, error) => {
    expect(judge(error, false)).toBe(verdict);
  });

  it('does not know what became of a message that was handed over and not answered', () => {
    expect(judge(failure({ code: 'ECONNECTION', command: 'CONN' }), true)).toBe('unsure');
    expect(judge(failure({ code: 'ETIMEDOUT', command: 'CONN' }), true)).toBe('unsure');
    expect(judge(answer('EMESSAGE', 'DATA', 451), true)).toBe('later');
    expect(judge(answer('EMESSAGE', 'DATA', 554), true)).toBe('refused');
    expect(judge(answer('EMESSAGE', 'DATA', 421), true)).toBe('away');
  });
});

describe('DeliveryFailed', () => {
  it('repeats what the server said, on one line, cut, and without what could be a token', () => {
    const response = `550-5.7.1 bad\r\n550 5.7.1 http://x.example/auth/link/${'t'.repeat(43)}\u001B[2J ${'word '.repeat(99)}`;
    const { message } = new DeliveryFailed('refused', failure({ code: 'EMESSAGE', response, responseCode: 550 }));
    expect(message).toMatch(/^550-5\.7\.1 bad 550 5\.7\.1 http:\/\/x\.example\/auth\/link\/… \[2J word /);
    expect(message.length).toBeLessThanOrEqual(300);
  });

  it.each([
    [{ code: 'ESOCKET', originalCode: 'ECONNREFUSED' }, 'ECONNREFUSED'],
    [{ code: 'EENVELOPE', responseCode: 550, response: '550 5.1.1 <bob@example.org> unknown' }, 'EENVELOPE 550 5.1.1'],
    [{ code: 'EENVELOPE', responseCode: 550, response: '550 no' }, 'EENVELOPE 550'],
    [{}, 'unknown'],
  ])('has a code for the log that names nobody: %o', (facts, code) => {
    expect(new DeliveryFailed('refused', failure(facts)).code).toBe(code);
  });
});
