import { describe, expect, it } from 'vitest';
import { deviceName } from './device.js';

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('deviceName', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox on Linux'],
    [
      `Mozilla/5.0 (Linux; Android 14; Pixel 8) ${WEBKIT} Chrome/131.0.6778.81 Mobile Safari/537.36`,
      'Chrome on Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1.1 Mobile/15E148 Safari/604.1',
      'Safari on iOS',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
      'Safari on macOS',
    ],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70`,
      'Microsoft Edge on Windows',
    ],
  ])('names the browser and the system of %s', (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name);
  });

  it.each([
    ['curl/8.5.0', 'curl'],
    ['Ivory/1.0', 'Ivory'],
    ['Ivory/23 CFNetwork/1498.700.2 Darwin/23.6.0', 'Ivory'],
    ['Tusky/25.0 Android/14', 'Tusky on Android'],
    ['Tusky/25.0 Android/14 okhttp/4.12.0', 'Tusky on Android'],
    ['MastodonAndroid/2.9.0 (Android)', 'MastodonAndroid on Android'],
    ['Soapbox', 'Soapbox'],
    ['Dart/3.5 (dart:io)', 'Dart'],
  ])('names the app %s as it names itself', (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name);
  });

  it.each([
    ['nothing', null],
    ['an empty one', ''],
    ['a space', ' '],
    ['symbols', '{{}} ÿþ'],
    ['markup', '<script>alert(1)</script>/1.0'],
    ['an address', 'https://evil.example/1.0'],
    ['a domain, which a mail program would make a link of', 'evil.example/1.0'],
    ['a browser nobody knows', 'Mozilla/5.0 evil.example/1.0 x'],
    ['a browser without words', 'Mozilla/5.0 ('],
    ['a name as long as a page', 'a'.repeat(10_240)],
  ])('says nothing for %s', (_, userAgent) => {
    expect(deviceName(userAgent)).toBeNull();
  });

  it('reads no further than 256 characters', () => {
    expect(deviceName(`Ivory/1.0${' '.repeat(247)}Android`)).toBe('Ivory');
    expect(deviceName(`Ivory/1.0${' '.repeat(240)}Android`)).toBe('Ivory on Android');
  });

  it.each(['/', 'a/', '(', ' ', 'version/', 'firefox ', 'chrome/1.', 'Mozilla/5.0 (', ';', 'x', '1.', '\u202e'])(
    'gets to the end of ten thousand times %j',
    (piece) => {
      for (const start of ['', 'Mozilla/5.0 ', 'Mozilla/5.0 (Linux; Android ', 'Opera/']) {
        expect(() => deviceName(start + piece.repeat(10_000))).not.toThrow();
      }
    },
  );

  it('forgets old answers and still gives the right ones', () => {
    for (let n = 0; n < 1200; n++) expect(deviceName(`App${n}/1.0 Android/14`)).toBe(`App${n} on Android`);
    expect(deviceName('App0/1.0 Android/14')).toBe('App0 on Android');
    expect(deviceName('{}')).toBeNull();
    expect(deviceName('{}')).toBeNull();
  });
});
