import { describe, expect, it } from 'vitest';
import { describeEvent } from './describe-event.js';

describe('describeEvent', () => {
  it('says what an event is to the person it concerns', () => {
    expect(describeEvent('login.failed')).toBe('Wrong password');
    expect(describeEvent('logout')).not.toBe('logout');
  });

  it.each(['import.dreamt', '', 'constructor', '__proto__', 'toString'])(
    'keeps the name %j, which it does not know',
    (type) => {
      expect(describeEvent(type)).toBe(type);
    },
  );
});
