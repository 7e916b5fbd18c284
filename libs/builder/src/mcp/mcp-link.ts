import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import { isObject } from '#kernel';
import type { Log } from '#observability';
import { MemberProtocolError } from '../builder.errors.js';
import type { MemberCredential } from '../member-credential.js';
import type { ListKind } from '../member-offer.js';
import type { Deadlines } from '../wire/deadlines.js';
import { type HeaderList, applyPatch, passCookies, patchFor } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { ClientFlag } from '../client-facts.js';
import { type ControlAnswer, sendControl } from './control-request.js';
import { offersModern, refuseRefusal, responseOf, speaksModern } from './era-signs.js';
import { agreedVersion, faultOf, initializeWith } from './handshake.js';
import { LATEST_LEGACY_VERSION } from './mcp-protocol.js';
import { type KnownEra, MODERN_SESSION, type McpSession, UNAGREED } from './mcp-session.js';
import {
  type MemberLink,
  type OwnMessage,
  type TellOptions,
  type Told,
  bytesOf,
  isOf,
  isStillOf,
  openAsNow,
} from './member-link.js';
import { type MemberMessage, hasLostSession, listChangeOf, textAt } from './member-message.js';
import type { StreamHolder } from './message-stream.js';
import { ownAnswerTo } from './own-answer.js';
import { OWN_META } from './own-meta.js';
import { type ServerFacts, factsIn } from './server-facts.js';
import { SessionStream } from './session-stream.js';

export interface McpLinkParts {
  readonly endpoint: URL;
  /** Static headers of the configuration, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly pool: EgressPool;
  /** The one that the composer's own messages carry now. */
  readonly credential: () => MemberCredential;
  readonly deadlines: Deadlines;
  readonly log: Log;
  /** What the member may ask in the session. */
  readonly declares: readonly ClientFlag[];
  readonly era: KnownEra;
  /** For what the member says in the session beside the streams of its answers; absent where no calls go. */
  readonly streams?: EgressPool;
  /** Somebody wants to hear of lists that change. */
  readonly hearsLists?: () => boolean;
  /** The member says in the session that a list is another one. */
  readonly onListChange?: (list: ListKind) => void;
}

/** What came of it, and as whom it was said. */
interface OwnAnswer extends ControlAnswer {
  readonly account: string | undefined;
}

const BASE_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'accept-encoding': 'identity',
};
const FAREWELL_MS = 2_000;
/** What is said of a question, in a session in which all calls have the same caller: its client knows the id, or ignores it. */
const OF_CALLS = new Set(['"notifications/cancelled"', '"notifications/elicitation/complete"']);
/** Refusals that may be under way: a member that asks and asks is not answered for ever. */
const MAX_TELLING = 16;
/** For a session, whoever asked for it first: others join in with limits of their own. */
const OPENING_MS = 15_000;

/**
 * The composer's side of one MCP member over Streamable HTTP: finds out which era it speaks, opens the session that the
 * legacy era wants, and asks it what the composer itself wants to know.
 */
export class McpLink implements MemberLink<McpSession> {
  readonly path: string;
  private session: McpSession | undefined;
  private opening: Promise<McpSession> | undefined;
  private lastId = 0;
  /** The one that has been under way longest stands first. */
  private readonly calls = new Set<StreamHolder>();
  private stream: SessionStream | undefined;
  private telling = 0;

  constructor(private readonly parts: McpLinkParts) {
    this.path = parts.endpoint.pathname + parts.endpoint.search;
  }

  /** The open session: the way of almost every call, without a promise. */
  peek(): McpSession | undefined {
    return this.parts.era.modern ?? this.session;
  }

  /** A call begins that goes on this link. */
  hold(call: StreamHolder): void {
    this.calls.add(call);
    void this.stream?.open();
  }

  /** It is over. */
  release(call: StreamHolder): void {
    this.calls.delete(call);
  }

  get isBusy(): boolean {
    return this.calls.size > 0;
  }

  /** Whether calls go on it, and not the composer's own questions. */
  get isOfCalls(): boolean {
    return this.parts.streams !== undefined;
  }

  /** Whether what the member says in a session is to be heard as soon as calls go in it. */
  get hearsSession(): boolean {
    return this.mayBeAsked || (this.isOfCalls && this.parts.hearsLists?.() === true);
  }

  /** On which the member speaks in the open session when it was not asked; undefined if it has no sessions, or none is open. */
  get sessionStream(): SessionStream | undefined {
    return this.peek()?.era === 'legacy' ? this.stream : undefined;
  }

  /**
   * The member asks something, and does not say in which call. All calls of a link on which it may ask are of one principal;
   * the one that has been under way longest is taken to wait for the answer.
   */
  asked(message: MemberMessage, session: McpSession): void {
    const [call] = this.mayBeAsked ? this.calls : [];
    if (call) call.asked(message, (answer, options) => this.tell(session, answer, options));
    else this.refuse(session, message);
  }

  /** The member tells something in the session. */
  told(message: MemberMessage): void {
    const method = textAt(message.raw, message.places.get('method'));
    const list = listChangeOf(method);
    if (list) this.parts.onListChange?.(list);
    if (this.mayBeAsked && OF_CALLS.has(method ?? '')) for (const call of this.calls) call.told(message);
  }

  /** What is stored of credentials has changed: nothing is heard any more in a session of one that is no more. */
  async review(): Promise<void> {
    const { session } = this;
    if (!session || !this.isOfCalls || (await isStillOf(session, this.parts.credential()))) return;
    this.forget(session);
  }

  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  async open(limit: TimeLimit): Promise<McpSession> {
    const open = this.peek();
    if (open) return open;
    limit.left();
    this.opening ??= this.agree(new TimeLimit(OPENING_MS))
      .then(async (session) => this.keep(session))
      .finally(() => (this.opening = undefined));
    return limit.waitFor(this.opening, this.parts.deadlines);
  }

  /** The member does not know the session any more. */
  forget(session: McpSession): void {
    const { era } = this.parts;
    if (this.session === session) {
      this.session = undefined;
      this.closeStream();
    }
    if (era.modern === session) era.modern = undefined;
    // It may be another server by now.
    era.isLegacy = false;
  }

  /** An id that no other request of this link has: members tell requests of one session apart by it. */
  nextId(): number {
    return ++this.lastId;
  }

  head(
    session: McpSession,
    more: Readonly<Record<string, string>>,
    patch: RequestPatch,
  ): [path: string, headers: HeaderList] {
    const headers = { ...BASE_HEADERS, ...this.parts.headers, ...session.headers, ...more };
    return applyPatch(this.path, headers, patchFor(patch, 'POST', this.path));
  }

  /** Asks the member something; gives the result as it came. A lost session is opened anew, once. */
  async ask(
    method: string,
    params: Record<string, unknown>,
    limit: TimeLimit,
  ): Promise<{ result: Record<string, unknown>; raw: Buffer }> {
    const session = await openAsNow(this, this.parts.credential(), limit);
    let answer = await this.say(session, { method, params }, limit);
    if (session.isNamed && hasLostSession(answer)) {
      this.forget(session);
      answer = await this.say(await this.open(limit), { method, params }, limit);
    }
    const { value, raw } = responseOf(answer, method);
    if (isObject(value['result'])) return { result: value['result'], raw };
    throw faultOf(method, value['error'], this.parts.log);
  }

  /** A member of the legacy era speaks of itself in the handshake alone. */
  async describe(limit: TimeLimit): Promise<ServerFacts> {
    const before = this.peek();
    const session = await openAsNow(this, this.parts.credential(), limit);
    const { era, facts } = session;
    if (era === 'legacy' || session !== before) return facts;
    return factsIn((await this.ask('server/discover', {}, limit)).result);
  }

  async tell(
    session: McpSession,
    message: Told,
    { headers, withinMs = FAREWELL_MS }: TellOptions = {},
  ): Promise<boolean> {
    try {
      if (!isOf(session, await this.parts.credential().get())) return false;
      const { status } = await this.send(session, { message, headers, limit: new TimeLimit(withinMs) });
      return status < 300;
    } catch (error) {
      this.parts.log.debug('a message to the member was lost', { err: error });
      return false;
    }
  }

  /** Ends the session; a member that is away does not hold it up for long. */
  async end(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    this.closeStream();
    if (!session?.isNamed) return;
    try {
      const patch = await this.parts.credential().get();
      const [path, headers] = this.head(session, {}, patchFor(patch, 'DELETE', this.path));
      await sendControl(this.parts.pool, this.parts.deadlines, {
        method: 'DELETE',
        path,
        headers,
        body: null,
        timeoutMs: FAREWELL_MS,
      });
    } catch (error) {
      this.parts.log.debug('the session of the member could not be ended', { err: error });
    }
  }

  private async keep(session: McpSession): Promise<McpSession> {
    const { era } = this.parts;
    era.isLegacy = session.era === 'legacy';
    if (session.era === 'modern') return (era.modern = session);
    this.closeStream();
    this.stream = new SessionStream({ ...this.parts, link: this }, session);
    await this.stream.open();
    return (this.session = session);
  }

  private closeStream(): void {
    const { stream } = this;
    this.stream = undefined;
    stream?.close();
  }

  private get mayBeAsked(): boolean {
    return this.isOfCalls && this.parts.declares.length > 0;
  }

  /** Modern first, as the specification advises: only a modern server answers `server/discover`. */
  private async agree(limit: TimeLimit): Promise<McpSession> {
    if (this.parts.era.isLegacy) return this.shakeHands(limit);
    const discover = () => this.say(MODERN_SESSION, { method: 'server/discover', params: {} }, limit);
    let probe = await discover();
    // A member may refuse a version that it names as its own: 2026-07-28, basic, has the request repeated with that.
    if (offersModern(probe)) probe = await discover();
    refuseRefusal(probe);
    if (probe.status >= 500) throw new MemberProtocolError(`it answered HTTP ${probe.status}`);
    if (speaksModern(probe)) return { ...MODERN_SESSION, facts: factsIn(probe.response?.value['result']) };
    return this.shakeHands(limit);
  }

  private async shakeHands(limit: TimeLimit): Promise<McpSession> {
    const stranger: McpSession = { ...UNAGREED, era: 'legacy', version: LATEST_LEGACY_VERSION };
    const answer = await this.say(stranger, initializeWith(this.parts.declares), limit);
    const { value } = responseOf(answer, 'initialize');
    const version = agreedVersion(value, this.parts.log);

    const id = answer.headers['mcp-session-id'];
    const session: McpSession = {
      era: 'legacy',
      version,
      headers: { 'mcp-protocol-version': version, ...(typeof id === 'string' ? { 'mcp-session-id': id } : {}) },
      isNamed: typeof id === 'string',
      isStateless: typeof id !== 'string',
      account: answer.account,
      facts: factsIn(value['result']),
    };
    const noted = await this.send(session, { message: { method: 'notifications/initialized' }, limit });
    if (noted.status >= 400)
      throw new MemberProtocolError(`it answered notifications/initialized with HTTP ${noted.status}`);
    return session;
  }

  /** A question of the composer's own. */
  private say(session: McpSession, { method, params }: OwnQuestion, limit: TimeLimit): Promise<OwnAnswer> {
    const isModern = session.era === 'modern';
    const own = isModern ? { ...params, _meta: OWN_META } : params;
    const message = { id: `composer-${this.nextId()}`, method, params: own };
    return this.send(session, { message, limit, headers: isModern ? { 'mcp-method': method } : undefined });
  }

  /** A refused credential is renewed once, if its strategy can. */
  private async send(session: McpSession, own: OwnMessage): Promise<OwnAnswer> {
    const credential = this.parts.credential();
    const patch = await credential.get();
    const answer = await this.post(session, patch, own);
    if (!answer.isRefusal) return answer;
    const fresh = await credential.renew(patch, answer);
    return fresh ? this.post(session, fresh, own) : answer;
  }

  private async post(session: McpSession, patch: RequestPatch, own: OwnMessage): Promise<OwnAnswer> {
    const timeoutMs = own.limit.left();
    const [path, headers] = this.head(session, own.headers ?? {}, patch);
    const onRequest = (message: MemberMessage): void => this.refuse(session, message);
    const request = { method: 'POST', path, headers, body: bytesOf(own.message), timeoutMs, onRequest } as const;
    const answer = {
      ...(await sendControl(this.parts.pool, this.parts.deadlines, request)),
      account: patch.account,
    };
    passCookies(patch, answer.headers, this.path);
    const credential = this.parts.credential();
    if (credential.refuses(answer)) return { ...answer, isRefusal: true };
    if (answer.status < 400) credential.noteAccepted(patch);
    return answer;
  }

  /** What is asked beside the composer's own questions is asked of nobody. */
  private refuse(session: McpSession, message: MemberMessage): void {
    const answer = ownAnswerTo(message);
    if (!answer || session.era === 'modern' || !session.isNamed || this.telling >= MAX_TELLING) return;
    this.telling++;
    void this.tell(session, answer).finally(() => this.telling--);
  }
}

interface OwnQuestion {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}
