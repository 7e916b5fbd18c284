import { createHash, randomBytes } from 'node:crypto';
import { INVALID_PARAMS, type Message } from '#builder';
import { Clock, isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { slugOf } from '../catalog/selection.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { SessionSeal } from './session-seal.js';

/** Before the sealed text, so that a state of ours is known for one even after it was altered. */
const PREFIX = 'composer.';
/** Of the params, what a client may say in another way when it comes back. */
const PASSING: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState']);
const INVALID = 'COMPOSER_REQUEST_STATE_INVALID';
const GONE = 'COMPOSER_REQUEST_STATE_GONE';

const content = z.discriminatedUnion('k', [
  /** A person was sent to a page; `round`: for the how-manieth time in a row. */
  z.strictObject({ k: z.literal('consent'), round: z.number().int() }),
  /** The call waits in this process; `turn`: for the answers to these questions. */
  z.strictObject({ k: z.literal('parked'), call: z.string(), turn: z.string() }),
]);
const sealedState = z.strictObject({
  /** Tenant, principal, address and a digest of what is asked: it is worth nothing to anybody else, and nowhere else. */
  t: z.string(),
  p: z.string(),
  a: z.string(),
  d: z.string(),
  /** When it ends, in milliseconds of Unix time. */
  x: z.number(),
  /** The process that sealed it. */
  o: z.string(),
  content,
});

export type StateContent = z.infer<typeof content>;
export type ConsentState = Extract<StateContent, { k: 'consent' }>;
export type ParkedState = Extract<StateContent, { k: 'parked' }>;

type Asked = Pick<McpExchange, 'principal' | 'selection' | 'message'>;

/**
 * The `requestState` of the composer itself (2026-07-28, multi-round-trip requests): sealed, and bound to its principal,
 * its address, and the method and params of its call. All else that is called so belongs to members.
 */
@Injectable()
export class RequestStates {
  private readonly origin = randomBytes(8).toString('base64url');

  constructor(
    private readonly seal: SessionSeal,
    private readonly clock: Clock,
  ) {}

  /** @param until in milliseconds of Unix time */
  give(asked: Asked, state: StateContent, until: number): string {
    return `${PREFIX}${this.seal.seal(JSON.stringify({ ...bindingOf(asked), x: until, o: this.origin, content: state }))}`;
  }

  /**
   * What the composer has given to the caller for this call; undefined if the message brings nothing of the composer.
   * What was not given for this, or is worth nothing any more, is answered, and gives false.
   *
   * One code for all of it, that of params (-32602): the client gets on only without this `requestState`. `data.code`
   * tells apart whether it ever was a good one.
   */
  take(exchange: Asked & Pick<McpExchange, 'reply'>): StateContent | undefined | false {
    const given = exchange.message.params['requestState'];
    if (typeof given !== 'string' || !given.startsWith(PREFIX)) return undefined;
    const state = this.open(given.slice(PREFIX.length));
    const binding = bindingOf(exchange);
    if (!state || (['t', 'p', 'a', 'd'] as const).some((key) => state[key] !== binding[key])) {
      return refuse(exchange, 'this requestState was not given for this call', INVALID);
    }
    if (state.x < this.clock.now()) return this.refuseGone(exchange, 'is too old');
    if (state.content.k === 'parked' && state.o !== this.origin) {
      return this.refuseGone(exchange, 'is of another process of the composer, or of one that has ended');
    }
    return state.content;
  }

  /** For a state that was good once. @param why completes "this requestState …" */
  refuseGone({ reply }: Pick<McpExchange, 'reply'>, why: string): false {
    return refuse({ reply }, `this requestState ${why}; make the call again without it`, GONE);
  }

  private open(sealed: string): z.infer<typeof sealedState> | undefined {
    const text = this.seal.open(sealed);
    return text === undefined ? undefined : sealedState.safeParse(JSON.parse(text)).data;
  }
}

function refuse({ reply }: Pick<McpExchange, 'reply'>, text: string, code: string): false {
  reply.protocolError(INVALID_PARAMS, `Invalid params: ${text}`, { code });
  return false;
}

function bindingOf({ principal, selection, message }: Asked): Record<'t' | 'p' | 'a' | 'd', string> {
  return { t: principal.tenantId, p: principal.id, a: slugOf(selection), d: digestOf(message) };
}

/** Of what is asked, and not of how it is written. */
function digestOf({ method, params }: Message): string {
  const said = Object.fromEntries(Object.entries(params).filter(([name]) => !PASSING.has(name)));
  return createHash('sha256')
    .update(JSON.stringify([method, ordered(said)]))
    .digest('base64url');
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => ({ [key]: ordered(inner) }));
}
