import { beforeEach, describe, expect, it } from '@jest/globals';
import { parseMessage } from '#builder';
import { serverId, tenantId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { SetClock } from '../../testing/set-clock.js';
import { TurningSeal } from '../../testing/turning-seal.js';
import { EVERYTHING } from '../catalog/selection.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { RequestStates } from './request-states.js';

const acme = tenantId('acme');
const ann = principalOf('ann', { tenantId: acme });
const PARKED = { k: 'parked', call: 'c', turn: 't' } as const;
const CONSENT = { k: 'consent', round: 2 } as const;
const LIFETIME_MS = 1_000;

describe('RequestStates', () => {
  let clock: SetClock;
  let states: RequestStates;
  let told: unknown[];

  beforeEach(() => {
    clock = new SetClock();
    states = new RequestStates(new TurningSeal(), clock);
    told = [];
  });

  function asked(params: object = {}, more: object = {}, method = 'tools/call') {
    const all = { name: 'crm_find', arguments: { n: 1, deep: [{ a: 1, b: 2 }] }, ...params };
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: all })));
    const reply = { protocolError: (...error: unknown[]) => told.push(error) };
    return { principal: ann, selection: EVERYTHING, message, reply, ...more } as unknown as McpExchange;
  }

  const given = (content: Parameters<RequestStates['give']>[1] = PARKED) =>
    states.give(asked(), content, clock.now() + LIFETIME_MS);

  it('gives back to its caller what it has sealed, for the same call in whatever words', () => {
    const again = {
      _meta: { progressToken: 7 },
      inputResponses: {},
      arguments: { deep: [{ b: 2, a: 1 }], n: 1 },
    };
    expect(states.take(asked({ requestState: given(), ...again }))).toEqual(PARKED);
    expect(states.take(asked({ requestState: given(CONSENT) }))).toEqual(CONSENT);
    expect(told).toEqual([]);
  });

  it.each([undefined, 7, 'a state of the member', new TurningSeal().seal('{}')])('leaves %j to members', (state) => {
    expect(states.take(asked({ requestState: state }))).toBeUndefined();
    expect(told).toEqual([]);
  });

  it.each<[string, object, object?, string?]>([
    ['another principal', {}, { principal: principalOf('bob', { tenantId: acme }) }],
    ['another tenant', {}, { principal: principalOf('ann', { tenantId: tenantId('globex') }) }],
    ['another address', {}, { selection: { kind: 'member', serverId: serverId('crm') } }],
    ['another method', {}, {}, 'prompts/get'],
    ['another tool', { name: 'crm_other' }],
    ['other arguments', { arguments: { n: 2, deep: [{ a: 1, b: 2 }] } }],
    ['arguments in another order', { arguments: { n: 1, deep: [{ a: 1 }, { b: 2 }] } }],
    ['one argument more', { more: 1 }],
  ])('refuses a state that is brought by, or for, %s', (_, params, more = {}, method = 'tools/call') => {
    expect(states.take(asked({ ...params, requestState: given() }, more, method))).toBe(false);
    const text = expect.stringContaining('was not given for this call');
    expect(told).toEqual([[-32602, text, { code: 'COMPOSER_REQUEST_STATE_INVALID' }]]);
  });

  it.each([
    ['altered', (state: string) => `${state}x`],
    ['cut off', (state: string) => state.slice(0, -3)],
    ['made up', () => 'composer.s.abc'],
    ['sealed for something else', () => `composer.${new TurningSeal().seal('{"t":"acme","p":"ann"}')}`],
  ])('refuses a state that was %s', (_, change) => {
    expect(states.take(asked({ requestState: change(given()) }))).toBe(false);
    expect(told).toMatchObject([[-32602, {}, { code: 'COMPOSER_REQUEST_STATE_INVALID' }]]);
  });

  it('says of a state that is too old to call again', () => {
    const requestState = given(CONSENT);
    clock.time += LIFETIME_MS;
    expect(states.take(asked({ requestState }))).toEqual(CONSENT);
    clock.time += 1;
    expect(states.take(asked({ requestState }))).toBe(false);
    const text = expect.stringContaining('too old; make the call again without it');
    expect(told).toEqual([[-32602, text, { code: 'COMPOSER_REQUEST_STATE_GONE' }]]);
  });

  it('says the same of what waits in another process, which keeps no call of this one from going on', () => {
    const other = new RequestStates(new TurningSeal(), clock);
    expect(other.take(asked({ requestState: given(CONSENT) }))).toEqual(CONSENT);
    expect(other.take(asked({ requestState: given() }))).toBe(false);
    const text = expect.stringMatching(/of another process .* make the call again/);
    expect(told).toEqual([[-32602, text, { code: 'COMPOSER_REQUEST_STATE_GONE' }]]);
    expect(states.take(asked({ requestState: given() }))).toEqual(PARKED);
  });
});
