import type { TenantId } from '#kernel';
import { SessionLetters, SessionRecords } from '#session-store';
import { Injectable } from '@nestjs/common';
import type { ClientSession } from '../sessions/client-sessions.js';
import { type CallMark, EventIds } from '../sessions/event-ids.js';
import { SessionPost } from '../sessions/session-post.js';
import { FollowedStream } from './followed-stream.js';
import type { ResumableStream } from './resumable-stream.js';
import { KeptStreams } from './kept-streams.js';

/** Where the rest of a stream is to be had: in this process, or where another one puts it. */
@Injectable()
export class StreamSource {
  constructor(
    private readonly streams: KeptStreams,
    private readonly records: SessionRecords,
    private readonly post: SessionPost,
    private readonly letters: SessionLetters,
    private readonly ids: EventIds,
  ) {}

  here(session: ClientSession, { stream }: CallMark): ResumableStream | undefined {
    return this.streams.find(stream, session.id);
  }

  elsewhere(tenantId: TenantId, session: ClientSession, mark: CallMark): FollowedStream {
    const { hasOthers, self } = this.letters;
    const ask = (): void => void this.post.send(tenantId, { k: 'wanted', s: session.id, w: mark.stream });
    return new FollowedStream({
      tenantId,
      session,
      mark,
      prefix: this.ids.ofCall(session.id, mark),
      overId: this.ids.overOf(session.id, mark),
      records: this.records,
      // Whoever has it puts it where it is found.
      ...(hasOthers && mark.owner !== self ? { ask } : {}),
    });
  }
}
