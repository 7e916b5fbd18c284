import { isInputRequiredResult } from '@modelcontextprotocol/client';
import {
  ElicitRequestURLParamsSchema,
  McpError,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { modernFacts, parseMessage } from '#builder';
import { serverId, tenantId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { EVERYTHING } from '../catalog/selection.js';
import type { ConsentAnswer } from '../mcp-endpoint/http-reply.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { RequestStates } from '../sessions/request-states.js';
import { SetClock } from '../../testing/set-clock.js';
import { TurningSeal } from '../../testing/turning-seal.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { Elicitations } from './elicitations.js';
import { OpenElicitations } from './open-elicitations.js';

const acme = tenantId('acme');
const ann = principalOf('ann', { tenantId: acme, roles: ['caller'] });
const consent = { serverId: serverId('crm'), url: 'https://composer.example/connect/crm', text: 'Connect crm first.' };
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

interface Ask {
  readonly capabilities?: object;
  readonly more?: object;
}

describe('Elicitations', () => {
  let clock: SetClock;
  let open: OpenElicitations;
  let states: RequestStates;
  let elicitations: Elicitations;
  let answer: ((asked: typeof consent) => ConsentAnswer) | undefined;

  beforeEach(() => {
    clock = new SetClock();
    open = new OpenElicitations();
    states = new RequestStates(new TurningSeal(), clock);
    elicitations = new Elicitations(states, open, clock);
    answer = undefined;
  });

  function exchange(ask: Ask = {}): McpExchange {
    const { capabilities = {}, more = {} } = ask;
    answer = undefined;
    const params = { name: 'crm_find', arguments: { n: 1 }, _meta: { [CAPABILITIES]: capabilities }, ...more };
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })));
    const reply = { answerConsentBy: (given: typeof answer) => (answer = given) };
    return { principal: ann, selection: EVERYTHING, message, reply } as unknown as McpExchange;
  }

  const urls = { elicitation: { url: {} } };
  const modern = (ask: Ask): void => {
    const asked = exchange(ask);
    const state = states.take(asked);
    if (state !== undefined && (!state || state.k !== 'consent')) throw new Error('another state');
    elicitations.prepareModern(asked, modernFacts(asked.message.params), state);
  };
  const resultOf = (): { requestState: string; inputRequests: Record<string, { params: object }> } => {
    const given = answer!(consent);
    if (!('result' in given)) throw new Error('no result');
    return given.result as ReturnType<typeof resultOf>;
  };
  const retry = (requestState: string, action = 'accept') => ({
    requestState,
    inputResponses: { connect: { action } },
  });

  describe('for revision 2026-07-28', () => {
    it('asks for input by a URL, if the client can', () => {
      modern({ capabilities: urls });
      const result = resultOf();
      expect(isInputRequiredResult(result)).toBe(true);
      expect(result.inputRequests).toEqual({
        connect: {
          method: 'elicitation/create',
          params: { mode: 'url', message: 'Connect crm first.', url: consent.url },
        },
      });
      expect(result.requestState).not.toContain('crm_find');
    });

    it.each([[{}], [{ elicitation: {} }], [{ elicitation: { form: {} } }], [{ elicitation: { url: true } }], ['x']])(
      'leaves it to words for a client that declares %j',
      (capabilities) => {
        modern({ capabilities: capabilities as object });
        expect(answer).toBeUndefined();
      },
    );

    it('asks again when the client has come back, if it still must', () => {
      modern({ capabilities: urls });
      modern({ capabilities: urls, more: retry(resultOf().requestState) });
      expect(answer).toBeDefined();
    });

    it('stops asking after some rounds, and when the person has declined', () => {
      modern({ capabilities: urls });
      const first = resultOf().requestState;
      for (const action of ['decline', 'cancel']) {
        modern({ capabilities: urls, more: retry(first, action) });
        expect(answer).toBeUndefined();
      }
      let rounds = 1;
      for (let state = first; ; rounds++) {
        modern({ capabilities: urls, more: retry(state) });
        if (!answer) break;
        state = resultOf().requestState;
      }
      expect(rounds).toBe(3);
    });

    it('gives an hour for it', () => {
      modern({ capabilities: urls });
      const more = retry(resultOf().requestState);
      clock.time += 3_600_000;
      modern({ capabilities: urls, more });
      clock.time += 1;
      expect(() => modern({ capabilities: urls, more })).toThrow('protocolError');
    });
  });

  describe('for revision 2025-11-25', () => {
    const session: ClientSession = {
      id: 'a-session',
      era: 'legacy',
      version: '2025-11-25',
      capabilities: ['elicitation.url'],
      endsAt: Infinity,
    };

    it('says which elicitation comes first, as the official client reads it', () => {
      elicitations.prepareLegacy(exchange(), session);
      const given = answer!(consent);
      if (!('fault' in given)) throw new Error('no fault');
      const { code, message, data } = given.fault;
      const error = McpError.fromError(code, message, data);
      expect(error).toBeInstanceOf(UrlElicitationRequiredError);
      const [elicitation] = (error as UrlElicitationRequiredError).elicitations;
      expect(ElicitRequestURLParamsSchema.parse(elicitation)).toMatchObject({
        mode: 'url',
        url: consent.url,
        message: consent.text,
      });
      expect(open.take({ tenantId: acme, serverId: consent.serverId })).toMatchObject([
        { sessionId: 'a-session', elicitationId: elicitation!.elicitationId },
      ]);
    });

    it.each([
      ['a client that cannot', { ...session, capabilities: [] }],
      ['an older revision', { ...session, version: '2025-06-18' }],
    ] as const)('leaves it to words for %s', (_, other) => {
      elicitations.prepareLegacy(exchange(), other);
      expect(answer).toBeUndefined();
    });
  });
});

describe('OpenElicitations', () => {
  it('are closed for everybody of the tenant, or for one principal, once', () => {
    const open = new OpenElicitations();
    const member = { tenantId: acme, serverId: serverId('crm') };
    const bob = principalOf('bob', { tenantId: acme });
    const stranger = principalOf('ann', { tenantId: tenantId('globex') });
    for (const [index, principal] of [ann, bob, stranger].entries()) {
      open.note({ principal, serverId: member.serverId, sessionId: `s${index}`, elicitationId: `e${index}` });
    }
    expect(open.take(member, bob.id).map(({ elicitationId }) => elicitationId)).toEqual(['e1']);
    expect(open.take(member).map(({ elicitationId }) => elicitationId)).toEqual(['e0']);
    expect(open.take(member)).toEqual([]);
  });
});
