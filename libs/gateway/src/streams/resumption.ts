import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import type { CallMark } from '../sessions/event-ids.js';
import type { FollowedStream } from './followed-stream.js';
import { StreamSource } from './stream-source.js';

/** A GET for the rest of the stream of a call. */
export type ResumedRequest = Pick<McpExchange, 'principal' | 'request' | 'response' | 'reply'>;

/** Streams of other processes that this one follows for clients. */
const MAX_FOLLOWED = 1_000;
const MAX_FOLLOWED_OF_TENANT = 200;
/** The specification leaves it to implementations. */
const NOT_NOW = -32000;

/** Gives clients that have lost the stream of a call the rest of it (2025-11-25, transports, resumability). */
@Injectable()
export class Resumption implements BeforeApplicationShutdown {
  /** By stream: whoever comes once more takes the place of whoever came before, as in the process that has the stream. */
  private readonly followed = new Map<string, { readonly stream: FollowedStream; readonly tenantId: TenantId }>();
  private isStopping = false;

  constructor(
    private readonly source: StreamSource,
    private readonly exchanges: OpenExchanges,
    private readonly log: Log,
  ) {}

  /** Before the server closes, because it waits for every connection that is still in use. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const { stream } of this.followed.values()) stream.stop();
  }

  /** Answers the GET. */
  resume(asked: ResumedRequest, session: ClientSession, mark: CallMark): void {
    const { reply, response } = asked;
    if (response.closed) return;
    // HTML, server-sent events: 204 is how a client is told not to come back.
    if (mark.after === undefined) return reply.empty(204);
    const stream = this.source.here(session, mark);
    if (!stream) return this.follow(asked, session, mark);
    if (stream.isDone && mark.after >= stream.length) return reply.empty(204);
    this.watch(asked, () => response.end());
    reply.openStream();
    stream.attach(response, mark.after);
  }

  private follow(asked: ResumedRequest, session: ClientSession, mark: CallMark): void {
    const { reply, response, principal } = asked;
    const { tenantId } = principal;
    const before = this.followed.get(mark.stream);
    if (this.isStopping || (!before && this.isFull(tenantId))) return this.putOff(asked);
    before?.stream.stop();
    const followed = this.source.elsewhere(tenantId, session, mark);
    this.followed.set(mark.stream, { stream: followed, tenantId });
    this.watch(asked, () => followed.stop());
    response.once('close', () => followed.stop());
    const open = () => {
      reply.openStream();
      return response;
    };
    followed
      .run(open)
      .then(
        (isOver) => {
          if (response.headersSent) response.end();
          else if (isOver) reply.empty(204);
          else this.putOff(asked);
        },
        (error: unknown) => {
          this.log.warn('the rest of a stream could not be had', { err: error });
          // The client comes back, and may find it then.
          if (response.headersSent) response.end();
          else this.putOff(asked);
        },
      )
      .finally(() => {
        if (this.followed.get(mark.stream)?.stream === followed) this.followed.delete(mark.stream);
      });
  }

  private isFull(tenant: TenantId): boolean {
    if (this.followed.size >= MAX_FOLLOWED) return true;
    const own = [...this.followed.values()].filter(({ tenantId }) => tenantId === tenant);
    return own.length >= MAX_FOLLOWED_OF_TENANT;
  }

  private putOff({ reply }: ResumedRequest): void {
    const message = 'The rest of this stream cannot be had at the moment; try again later';
    reply.error(503, { code: NOT_NOW, message }, ['retry-after', '1']);
  }

  /** Whoever may call no more has nothing more to read. */
  private watch({ principal, request, response }: ResumedRequest, end: () => void): void {
    const takeOut = this.exchanges.add({
      principal,
      request,
      endsWithCredential: true,
      end: () => {
        takeOut();
        end();
      },
      goOnAs: () => undefined,
    });
    response.once('close', takeOut);
  }
}
