import { describe, expect, it } from 'vitest';
import { drawPng, foldCharacters, randomCharacters } from './captcha-picture.js';

describe('randomCharacters', () => {
  it('are five letters and digits that do not look alike, and never foreseeable', () => {
    const all = Array.from({ length: 1000 }, randomCharacters);
    expect(all.every((characters) => /^[A-Z0-9]{5}$/.test(characters))).toBe(true);
    expect(all.join('')).not.toMatch(/[0OQDIL1JB8S5Z2G6UVRPF7]/);
    expect(new Set(all).size).toBeGreaterThan(990);
  });
});

describe('foldCharacters', () => {
  it.each(['ACE34', 'ace34', ' aCe34 ', 'A C E 3 4', 'ＡＣＥ３４', 'ace\t34\n'])('takes %j for ACE34', (typed) => {
    expect(foldCharacters(typed)).toBe('ACE34');
  });
});

describe('drawPng', () => {
  it('is a picture that never comes twice', async () => {
    const [one, other] = await Promise.all([drawPng('ACE34'), drawPng('ACE34')]);
    expect(one.subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
    expect([one.readUInt32BE(16), one.readUInt32BE(20)]).toEqual([270, 90]);
    expect(one).not.toEqual(other);
  });

  it('says nothing but pixels', async () => {
    const png = await drawPng('ACE34');
    const chunks: string[] = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at))
      chunks.push(png.toString('latin1', at + 4, at + 8));
    expect(new Set(chunks)).toEqual(new Set(['IHDR', 'IDAT', 'IEND']));
  });
});
