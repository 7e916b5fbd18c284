import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  INTERNAL_ERROR,
  INVALID_REQUEST,
  META_VERSION,
  type Message,
  MessageError,
  UNSUPPORTED_VERSION,
  parseMessage,
} from '#builder';
import { ComposerError, isObject } from '#kernel';
import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { LegacyEra } from '../eras/legacy-era.js';
import { ModernEra, SUPPORTED_VERSIONS } from '../eras/modern-era.js';
import type { Selection } from '../catalog/selection.js';
import { ScopeInsufficientError } from '../gateway.errors.js';
import { HttpReply } from './http-reply.js';
import { type McpCaller, McpEntrance } from './mcp-entrance.js';
import { type McpExchange, headerOf } from './mcp-exchange.js';
import { MAX_BODY_BYTES, readBody } from './request-body.js';
import { ScopeChallenge } from './scope-challenge.js';

/** Not of JSON-RPC's reserved range: nobody has looked at the message. */
const STOPPING = -32000;
const FIRST_MODERN_VERSION = '2026-07-28';

/** A request whose body, if it has one, was not read yet. */
type Incoming = Pick<McpExchange, 'principal' | 'selection' | 'request' | 'response'>;

/**
 * The MCP endpoint over Streamable HTTP, for both eras. Serves requests whose principal is known already and whose Host
 * and Origin were judged; it never sees a credential, of callers or of members.
 */
@Injectable()
export class McpEndpoint implements BeforeApplicationShutdown {
  private isStopping = false;

  constructor(
    private readonly entrance: McpEntrance,
    private readonly legacy: LegacyEra,
    private readonly modern: ModernEra,
    private readonly challenge: ScopeChallenge,
    private readonly log: Log,
  ) {}

  /** Calls under way go on; a connection that is kept alive brings no new ones. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }

  handle(request: IncomingMessage, response: ServerResponse, caller: McpCaller): void {
    const { principal } = caller;
    try {
      const selection = this.entrance.enter(caller);
      if (!(selection instanceof Promise)) return this.serve({ principal, selection, request, response });
      void this.serveLater(selection, { principal, request, response });
    } catch (error) {
      this.fault(error, request, plainReply(response));
    }
  }

  private async serveLater(finding: Promise<Selection>, incoming: Omit<Incoming, 'selection'>): Promise<void> {
    const reply = plainReply(incoming.response);
    const release = this.entrance.hold(incoming, (reason) => reply.refuse(reason));
    try {
      const selection = await finding;
      const principal = release();
      if (principal) this.serve({ ...incoming, principal, selection });
    } catch (error) {
      if (release()) this.fault(error, incoming.request, reply);
    }
  }

  private serve(incoming: Incoming): void {
    const { request, response } = incoming;
    const reply = plainReply(response);
    if (this.isStopping) {
      response.setHeader('connection', 'close').setHeader('retry-after', '1');
      return reply.error(503, { code: STOPPING, message: 'The composer is stopping; try again' });
    }
    try {
      switch (request.method) {
        case 'POST':
          return this.post(incoming);
        case 'GET':
        case 'DELETE':
          // Without a session these two mean nothing in either era.
          if (headerOf(request, 'mcp-session-id') === undefined) return reply.empty(405, ['allow', 'POST']);
          return request.method === 'GET'
            ? this.legacy.listen({ ...incoming, reply })
            : this.legacy.end({ ...incoming, reply });
        default:
          return reply.empty(405, ['allow', 'POST, GET, DELETE']);
      }
    } catch (error) {
      this.fault(error, request, reply);
    }
  }

  private post(incoming: Incoming): void {
    const { request, response } = incoming;
    const takesEvents = accepts(request, 'text/event-stream');
    const plain = new HttpReply(response, { era: 'legacy', takesEvents });
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      request.resume();
      return plain.error(415, { code: INVALID_REQUEST, message: 'Unsupported Media Type: send application/json' });
    }
    if (!accepts(request, 'application/json')) {
      request.resume();
      return plain.error(406, {
        code: INVALID_REQUEST,
        message: 'Not Acceptable: accept application/json and text/event-stream',
      });
    }
    const release = this.entrance.hold(incoming, (reason) => {
      response.setHeader('connection', 'close');
      plain.refuse(reason);
    });
    readBody(request, (outcome) => {
      const principal = release();
      if (!principal) return;
      if ('refused' in outcome) {
        if (outcome.refused === 'aborted') return;
        response.setHeader('connection', 'close');
        return plain.error(413, {
          code: INVALID_REQUEST,
          message: `Invalid Request: a message may have ${MAX_BODY_BYTES} bytes at most`,
        });
      }
      this.receive(outcome.body, { ...incoming, principal });
    });
  }

  private receive(body: Buffer, incoming: Incoming): void {
    const { request, response } = incoming;
    const takesEvents = accepts(request, 'text/event-stream');
    let reply = new HttpReply(response, { era: 'legacy', takesEvents });
    try {
      const message = parseMessage(body);
      const era = this.eraOf(message, request);
      const { id } = message.places;
      reply = new HttpReply(response, {
        era: era === 'modern' ? 'modern' : 'legacy',
        takesEvents,
        isToolCall: message.method === 'tools/call',
        ...(id ? { id: body.subarray(id.start, id.end) } : {}),
      });
      if (era === 'unsupported') return this.refuseVersion(request, reply);
      (era === 'modern' ? this.modern : this.legacy).handle({
        ...incoming,
        message,
        reply,
        challengeFor: (scopes) => this.challenge.challengeFor(request, scopes),
      });
    } catch (error) {
      if (error instanceof MessageError) return refuse(error, response, takesEvents);
      this.fault(error, request, reply);
    }
  }

  /** A body that names a version in `_meta` is modern; otherwise the header decides, and without one it is legacy. */
  private eraOf({ method, params }: Message, request: IncomingMessage): 'legacy' | 'modern' | 'unsupported' {
    const meta = params['_meta'];
    if (isObject(meta) && typeof meta[META_VERSION] === 'string') return 'modern';
    const version = headerOf(request, 'mcp-protocol-version');
    if (version === undefined || method === 'initialize') return 'legacy';
    if (!SUPPORTED_VERSIONS.includes(version)) return 'unsupported';
    return version >= FIRST_MODERN_VERSION ? 'modern' : 'legacy';
  }

  private refuseVersion(request: IncomingMessage, reply: HttpReply): void {
    const requested = headerOf(request, 'mcp-protocol-version')?.slice(0, 64);
    reply.error(400, {
      code: UNSUPPORTED_VERSION,
      message: 'Unsupported protocol version',
      data: { supported: SUPPORTED_VERSIONS, requested },
    });
  }

  private fault(error: unknown, request: IncomingMessage, reply: HttpReply): void {
    if (error instanceof ScopeInsufficientError) {
      return reply.refuse(error, ['www-authenticate', this.challenge.challengeFor(request, error.scopes)]);
    }
    if (error instanceof ComposerError && error.status !== 500) return reply.refuse(error);
    this.log.error('the MCP endpoint failed internally', { err: error });
    reply.error(200, { code: INTERNAL_ERROR, message: 'Internal error: the composer could not handle this request' });
  }
}

const plainReply = (response: ServerResponse): HttpReply =>
  new HttpReply(response, { era: 'legacy', takesEvents: true });

function refuse({ code, message, id }: MessageError, response: ServerResponse, takesEvents: boolean): void {
  const options = {
    era: 'legacy' as const,
    takesEvents,
    ...(id === undefined ? {} : { id: Buffer.from(JSON.stringify(id)) }),
  };
  new HttpReply(response, options).error(400, { code, message });
}

/** RFC 9110, 12.5.1, as far as the two types of this transport need it; no header accepts everything. */
function accepts(request: IncomingMessage, type: string): boolean {
  const { accept } = request.headers;
  if (accept === undefined) return true;
  const [main] = type.split('/');
  return accept.includes(type) || accept.includes('*/*') || accept.includes(`${main}/*`);
}
