import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { BrowserAnswer } from '#pages/testing';
import { KeyBrowser } from '../fixtures/key-browser.js';
import { type TwoEstates, openTwoEstates } from '../fixtures/two-estates.js';

let two: TwoEstates;
let globex: KeyBrowser;

beforeAll(async () => {
  two = await openTwoEstates();
  globex = new KeyBrowser(two.composer.url, two.globex.admin.key);
  // Where nobody has a credential yet, a key opens a session.
  expect((await globex.open(`${two.composer.url}/connect/twin?tenant=globex`)).status).toBe(422);
}, 120_000);
afterAll(() => two?.stop());

const at = (path: string) => `${two.composer.url}/connect/${path}`;
/** All that an answer says, but for the names that were asked for. */
function said({ status, headers, text }: BrowserAnswer, ...names: readonly string[]): string {
  const { date: _date, 'content-length': _length, ...rest } = Object.fromEntries(headers);
  const bare = `${status} ${JSON.stringify(rest)} ${text}`.replaceAll(/value="[\w-]{43}"/g, 'value="<csrf>"');
  return names.reduce((all, name) => all.replaceAll(name, '<name>'), bare).replaceAll(/mcpc_form=[\w-]+/g, '<cookie>');
}

it('answers for a server of another tenant as for one that nobody has', async () => {
  const before = await two.rows();
  for (const query of ['', '?tenant=globex', '?tenant=globex&tool=ping']) {
    for (const form of [undefined, { csrf: 'x', decision: 'allow' }]) {
      const [foreign, unknown] = [
        await globex.browser.ask(at(`only-acme${query}`), form),
        await globex.browser.ask(at(`only-nobo${query}`), form),
      ];
      expect(foreign.status).toBe(404);
      expect(said(foreign, 'only-acme')).toBe(said(unknown, 'only-nobo'));
    }
  }
  expect(await two.rows()).toEqual(before);
});

it('says of another tenant no more than of one that is not there', async () => {
  const before = await two.rows();
  const [foreign, unknown] = [
    await globex.browser.ask(at('twin?tenant=acme')),
    await globex.browser.ask(at('twin?tenant=nobo')),
  ];
  expect(foreign.status).toBe(403);
  expect(said(foreign, 'acme')).toBe(said(unknown, 'nobo'));
  expect(await two.rows()).toEqual(before);
});

it('lets nobody in with a key of another tenant', async () => {
  const stranger = new KeyBrowser(two.composer.url, two.globex.admin.key);
  const page = await stranger.open(at('twin?tenant=acme'));
  expect([page.status, page.text]).toEqual([401, expect.stringContaining('This key is not valid here.')]);
  expect(page.headers.getSetCookie().join()).not.toContain('session');
});
