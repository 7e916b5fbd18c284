import { isInputRequiredResult } from '@modelcontextprotocol/client';
import {
  ElicitRequestURLParamsSchema,
  McpError,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Message, modernFacts, parseMessage } from '#builder';
import { Clock, serverId, tenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { EVERYTHING, type Selection } from '../catalog/selection.js';
import type { ConsentAnswer } from '../mcp-endpoint/http-reply.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { SessionSeal } from '../sessions/session-seal.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { Elicitations } from './elicitations.js';
import { OpenElicitations } from './open-elicitations.js';

const acme = tenantId('acme');
const ann = principalOf('ann', { tenantId: acme, roles: ['caller'] });
const consent = { serverId: serverId('crm'), url: 'https://composer.example/connect/crm', text: 'Connect crm first.' };
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

/** Seals by turning the text around. */
class TurningSeal extends SessionSeal {
  override seal(content: string): string {
    return `s.${Buffer.from(content).toString('base64url')}`;
  }
  override open(sealed: string): string | undefined {
    return sealed.startsWith('s.') ? Buffer.from(sealed.slice(2), 'base64url').toString() : undefined;
  }
}

interface Ask {
  readonly principal?: Principal;
  readonly selection?: Selection;
  readonly name?: string;
  readonly capabilities?: object;
  readonly more?: object;
}

describe('Elicitations', () => {
  let clock: SetClock;
  let open: OpenElicitations;
  let elicitations: Elicitations;
  let answer: ((asked: typeof consent) => ConsentAnswer) | undefined;
  let refused: unknown[];

  beforeEach(() => {
    clock = new SetClock();
    open = new OpenElicitations();
    elicitations = new Elicitations(new TurningSeal(), open, clock);
    answer = undefined;
    refused = [];
  });

  function exchange(ask: Ask = {}): McpExchange {
    const { principal = ann, selection = EVERYTHING, name = 'crm_find', capabilities = {}, more = {} } = ask;
    answer = undefined;
    const params = { name, arguments: { n: 1 }, _meta: { [CAPABILITIES]: capabilities }, ...more };
    const message = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })));
    const reply = {
      answerConsentBy: (given: typeof answer) => (answer = given),
      protocolError: (...error: unknown[]) => refused.push(error),
    };
    return { principal, selection, message, reply } as unknown as McpExchange;
  }

  const urls = { elicitation: { url: {} } };
  const modern = (ask: Ask): Message | undefined => {
    const asked = exchange(ask);
    return elicitations.prepareModern(asked, modernFacts(asked.message.params));
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
      expect(modern({ capabilities: urls })).toBeDefined();
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
        expect(modern({ capabilities: capabilities as object })).toBeDefined();
        expect(answer).toBeUndefined();
      },
    );

    it('takes back what it gave, passes on nothing of it, and asks again', () => {
      modern({ capabilities: urls });
      const message = modern({ capabilities: urls, more: retry(resultOf().requestState) })!;
      expect(message.params).toEqual({ name: 'crm_find', arguments: { n: 1 }, _meta: { [CAPABILITIES]: urls } });
      expect(answer).toBeDefined();
    });

    it('stops asking after some rounds, and when the person has declined', () => {
      modern({ capabilities: urls });
      const first = resultOf().requestState;
      for (const action of ['decline', 'cancel']) {
        expect(modern({ capabilities: urls, more: retry(first, action) })).toBeDefined();
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

    it.each<[string, Ask]>([
      ['another principal', { principal: principalOf('bob', { tenantId: acme }) }],
      ['another tenant', { principal: principalOf('ann', { tenantId: tenantId('globex') }) }],
      ['another tool', { name: 'crm_other' }],
      ['another address', { selection: { kind: 'member', serverId: serverId('crm') } }],
    ])('refuses a state in the hands of %s', (_, ask) => {
      modern({ capabilities: urls });
      expect(modern({ capabilities: urls, ...ask, more: retry(resultOf().requestState) })).toBeUndefined();
      expect(refused).toEqual([[-32602, expect.stringContaining('requestState')]]);
    });

    it('refuses a state that is older than an hour', () => {
      modern({ capabilities: urls });
      const more = retry(resultOf().requestState);
      clock.time += 3_600_001;
      expect(modern({ capabilities: urls, more })).toBeUndefined();
    });

    it('passes on what a member has asked for', () => {
      for (const requestState of ['a state of the member', new TurningSeal().seal('{"t":"acme"}')]) {
        const more = { requestState, inputResponses: { name: { action: 'accept', content: {} } } };
        expect(modern({ capabilities: urls, more })?.params).toMatchObject(more);
      }
    });
  });

  describe('for revision 2025-11-25', () => {
    const session: ClientSession = {
      id: 'a-session',
      era: 'legacy',
      version: '2025-11-25',
      capabilities: ['elicitation.url'],
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
