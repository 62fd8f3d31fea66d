import { describe, expect, it } from 'vitest';
import { Refusal } from './errors.js';
import { collect, emptyParameters, mergeParameters, parseForm, refuseUnstorable } from './parameters.js';

const form = (text: string) => ({ ...parseForm(text, 'malformed_body') });
const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
  return null;
};

describe('parseForm', () => {
  it.each<[string, Record<string, unknown>]>([
    ['', {}],
    ['&&', {}],
    ['a=1&b=2', { a: '1', b: '2' }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['=a', { '': 'a' }],
    ['a=b=c', { a: 'b=c' }],
    ['a=b+c%2Bd', { a: 'b c+d' }],
    ['a=%26%3D%23%0D%0A', { a: '&=#\r\n' }],
    ['%61=%F0%9F%8C%8A', { a: '🌊' }],
    ['a=%EF%BF%BD', { a: '\ufffd' }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[0]=1&a[1]=2', { a: ['1', '2'] }],
    ['a[b]=1', { 'a[b]': '1' }],
    ['a[0000]=1', { 'a[0000]': '1' }],
  ])('reads %j', (text, expected) => {
    expect(form(text)).toEqual(expected);
  });

  it.each(['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%C0%80', 'a=%ED%A0%80', '%ff=a'])('refuses the escape in %j', (text) => {
    expect(codeOf(() => parseForm(text, 'malformed_body'))).toBe('malformed_body');
    expect(codeOf(() => parseForm(text, 'malformed_parameters'))).toBe('malformed_parameters');
  });

  it.each(['a=1&a=2', 'a=1&%61=2', 'a=&a=', 'a[]=1&a=2', 'a=1&a[]=2'])('refuses the repeated name in %j', (text) => {
    expect(codeOf(() => parseForm(text, 'malformed_body'))).toBe('duplicate_parameter');
  });

  it('takes hostile names for names like any other', () => {
    const parameters = parseForm('__proto__=1&constructor=2&toString=3', 'malformed_body');
    expect(Object.getPrototypeOf(parameters)).toBeNull();
    expect(Object.keys(parameters)).toEqual(['__proto__', 'constructor', 'toString']);
    expect('polluted' in {}).toBe(false);
    expect(codeOf(() => parseForm('__proto__=1&__proto__=2', 'malformed_body'))).toBe('duplicate_parameter');
  });
});

describe('collect', () => {
  it('keeps what is no string', () => {
    const file = Buffer.from('x');
    expect({ ...collect([['a', file]]) }).toEqual({ a: file });
  });
});

describe('mergeParameters', () => {
  const parameters = (values: object) => Object.assign(emptyParameters(), values);

  it('joins what differs', () => {
    expect({ ...mergeParameters(parameters({ a: '1' }), parameters({ b: '2' })) }).toEqual({ a: '1', b: '2' });
  });

  it('refuses a name that is in both, also when the values are the same or null', () => {
    expect(codeOf(() => mergeParameters(parameters({ a: '1' }), parameters({ a: '1' })))).toBe('duplicate_parameter');
    expect(codeOf(() => mergeParameters(parameters({ a: '1' }), parameters({ a: null })))).toBe('duplicate_parameter');
  });
});

describe('refuseUnstorable', () => {
  it.each<[string, unknown]>([
    ['U+0000', 'a\0b'],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00a'],
    ['one inside a list', ['fine', ['\0']]],
    ['one inside an object', { a: { b: '\ud800' } }],
    ['one in a nested name', { 'a\0': 1 }],
  ])('refuses %s', (_, value) => {
    expect(codeOf(() => refuseUnstorable({ x: value }))).toBe('invalid_characters');
  });

  it('refuses it in a name', () => {
    expect(codeOf(() => refuseUnstorable({ 'x\0': 'fine' }))).toBe('invalid_characters');
  });

  it.each<[string, unknown]>([
    ['other control characters', 'a\u0001\r\n\u007f'],
    ['a whole surrogate pair', '🌊'],
    ['bytes', Buffer.from([0, 255])],
    ['what is no text', [1, true, null, undefined]],
  ])('lets %s pass', (_, value) => {
    expect(codeOf(() => refuseUnstorable({ x: value }))).toBeNull();
  });

  it('leaves the one named parameter to its own reader', () => {
    expect(codeOf(() => refuseUnstorable({ list: 'a\0b' }, 'list'))).toBeNull();
    expect(codeOf(() => refuseUnstorable({ other: 'a\0b' }, 'list'))).toBe('invalid_characters');
  });
});
