import { describe, expect, it } from '@jest/globals';
import { parseUrl } from './urls.js';

describe('parseUrl', () => {
  it('gives undefined for what is no URL, and throws nothing', () => {
    expect(['', 'a', '/path', 'http://', 'http://[::1', 'http://a b/'].map(parseUrl)).toEqual(Array(6).fill(undefined));
  });

  it('goes on reading letters beyond ASCII when it is called often', () => {
    for (let i = 0; i < 20_000; i++) parseUrl('https://example.test/');
    expect(parseUrl('https://example.test/straße?q=ü')?.pathname).toBe('/stra%C3%9Fe');
  });
});
