import type { EgressPool } from '#egress';
import type { Log } from '#observability';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';
import { patchFor } from '../wire/request-head.js';
import { ListenStream } from './listen-stream.js';
import type { McpLink, McpSession } from './mcp-link.js';
import { isOf } from './member-link.js';
import type { MemberMessage } from './member-message.js';

export interface QuestionStreamParts {
  readonly link: McpLink;
  /** For such streams alone: each keeps a connection. */
  readonly pool: EgressPool;
  readonly credential: () => MemberCredential;
  readonly deadlines: Pick<Deadlines, 'add'>;
  readonly log: Log;
}

/** Of one member: its other sessions do without. */
export const MAX_STREAMS = 64;
/** By then the request has arrived, and a member that keeps its head back has the stream all the same. */
const OPENING_MS = 500;
/** A stream that breaks is not opened anew more often, in milliseconds. */
const REST_MS = 1_000;
/** Members that have no such stream say so with one of these (2025-11-25, transports: 405). */
const HAS_NONE = new Set([400, 404, 405, 501]);

/**
 * The stream of a session on which a member says what it does not say on the stream of an answer (2025-11-25, transports).
 * Servers are told to ask on the latter what belongs to a call; many ask here all the same.
 */
export class QuestionStream {
  private stream: ListenStream | undefined;
  private openedAt = -Infinity;
  private isWanted = true;

  constructor(
    private readonly parts: QuestionStreamParts,
    private readonly session: McpSession,
  ) {}

  /** Opens it, unless it is open. Resolves when the member has been asked for it, whatever it says; never rejects. */
  async open(): Promise<void> {
    if (!this.isWanted || this.stream || performance.now() - this.openedAt < REST_MS) return;
    this.openedAt = performance.now();
    const { deadlines, log } = this.parts;
    const opening = this.ask().catch((error: unknown) => {
      log.debug('a member cannot be listened to within a session', { err: error });
      this.stream = undefined;
    });
    await new Promise<void>((resolve) => {
      const clear = deadlines.add(OPENING_MS, resolve);
      void opening.then(resolve).finally(clear);
    });
  }

  close(): void {
    this.isWanted = false;
    this.stream?.close();
    this.stream = undefined;
  }

  private async ask(): Promise<void> {
    const { link, pool, credential } = this.parts;
    const { session } = this;
    const patch = await credential().get();
    const { running, queued } = pool.load;
    if (!this.isWanted || this.stream || running + queued >= MAX_STREAMS || !isOf(session, patch)) return;
    const stream: ListenStream = new ListenStream({
      pool,
      era: 'legacy',
      patch,
      path: link.path,
      onMessage: (message) => this.heard(message),
      onOver: () => this.lost(stream),
    });
    this.stream = stream;
    const head = link.head(session, {}, patchFor(patch, 'GET', link.path));
    const refused = await stream.open({ method: 'GET', head, body: null });
    if (!refused) return;
    this.lost(stream);
    if (HAS_NONE.has(refused.status)) this.isWanted = false;
  }

  private heard(message: MemberMessage): void {
    const { link } = this.parts;
    if (message.kind === 'request') link.asked(message, this.session);
    else link.told(message);
  }

  private lost(stream: ListenStream): void {
    if (this.stream === stream) this.stream = undefined;
    // While somebody may be asked it is missed; else the next call opens it.
    if (this.isWanted && this.parts.link.isBusy) this.parts.deadlines.add(REST_MS, () => void this.open());
  }
}
