import { describe, expect, it } from '@jest/globals';
import { applyPatch, forwarded, lowerCased, passCookies, patchFor } from './request-head.js';

describe('applyPatch', () => {
  it('gives names and values in turns, and the path as it is without a query', () => {
    expect(applyPatch('/a?b=%20', { accept: '*/*' }, {})).toEqual(['/a?b=%20', ['accept', '*/*']]);
  });

  it('puts the credential over every header of the same name', () => {
    const [, headers] = applyPatch(
      '/',
      { authorization: 'caller', accept: '*/*' },
      { headers: { authorization: 'own' } },
    );
    expect(headers).toEqual(['authorization', 'own', 'accept', '*/*']);
  });

  it.each([
    ['/orders', '/orders?key=a+b%26c'],
    ['/orders?page=2', '/orders?page=2&key=a+b%26c'],
    ['/orders?q=%C3%A9%20+&page', '/orders?q=%C3%A9%20+&page&key=a+b%26c'],
    ['/orders?', '/orders?key=a+b%26c'],
    ['/a?url=http://b?c', '/a?url=http://b?c&key=a+b%26c'],
  ])('appends a query credential to %s and leaves the rest as it was', (path, wanted) => {
    expect(applyPatch(path, {}, { query: { key: 'a b&c' } })[0]).toBe(wanted);
  });

  it.each(['/?key=caller', '/?key=1&key=2', '/?k%65y=caller', '/?key', '/?page=1&key=caller'])(
    'leaves no other value of the credential in the query %s',
    (path) => {
      const [patched] = applyPatch(path, {}, { query: { key: 'own' } });
      expect(new URL(patched, 'http://a').searchParams.getAll('key')).toEqual(['own']);
    },
  );

  it('joins its cookies with the others, and replaces those of the same name', () => {
    const cookies = { session: 'own', csrf: 'x' };
    expect(applyPatch('/', {}, { cookies })[1]).toEqual(['cookie', 'session=own; csrf=x']);
    expect(applyPatch('/', { cookie: 'theme=dark; session=caller;a=b=c' }, { cookies })[1]).toEqual([
      'cookie',
      'theme=dark; a=b=c; session=own; csrf=x',
    ]);
  });

  it('changes nothing that it was given', () => {
    const headers = Object.freeze({ cookie: 'a=b' });
    expect(() => applyPatch('/', headers, { headers: { x: 'y' }, cookies: { c: 'd' } })).not.toThrow();
  });
});

describe('patchFor', () => {
  it('is the patch itself where nothing depends on the request', () => {
    const patch = { headers: { a: 'b' } };
    expect(patchFor(patch, 'GET', '/a')).toBe(patch);
  });

  it('is what the credential makes of the request, in place of the rest', () => {
    const patch = {
      headers: { a: 'b' },
      forRequest: ({ method, path }: { method: string; path: string }) => ({ cookies: { c: `${method} ${path}` } }),
    };
    expect(patchFor(patch, 'GET', '/a?b')).toEqual({ cookies: { c: 'GET /a?b' } });
  });
});

describe('passCookies', () => {
  it('tells every field that sets a cookie, and nothing if there is none', () => {
    const told: unknown[] = [];
    const patch = { onSetCookie: (...all: unknown[]) => void told.push(all) };
    passCookies(patch, {}, '/a');
    passCookies(patch, { 'set-cookie': ['a=b', 'c=d'] }, '/a');
    passCookies({}, { 'set-cookie': ['a=b'] }, '/a');
    expect(told).toEqual([[['a=b', 'c=d'], '/a']]);
  });

  it('tells the nonce of the next proof, if there is one', () => {
    const told: string[] = [];
    const patch = { onNonce: (nonce: string) => void told.push(nonce) };
    passCookies(patch, {}, '/a');
    passCookies(patch, { 'dpop-nonce': 'one' }, '/a');
    passCookies({}, { 'dpop-nonce': 'two' }, '/a');
    expect(told).toEqual(['one']);
  });
});

describe('lowerCased', () => {
  it('keeps values and lowers names', () => {
    expect(lowerCased({ 'X-Team': 'Blue' })).toEqual({ 'x-team': 'Blue' });
  });
});

describe('forwarded', () => {
  it('passes on what is listed, in whatever case, and nothing else', () => {
    const inbound = { 'x-request-id': '7', authorization: 'Bearer caller', cookie: 'a=b', 'x-other': '1' };
    expect(forwarded(['X-Request-Id', 'x-missing'], inbound)).toEqual({ 'x-request-id': '7' });
    expect(forwarded([], inbound)).toEqual({});
  });

  it('passes on neither doubled headers nor what every object has', () => {
    expect(forwarded(['set-cookie', 'constructor', '__proto__'], { 'set-cookie': ['a=b', 'c=d'] })).toEqual({});
  });
});
