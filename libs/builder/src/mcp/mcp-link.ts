import type { RequestPatch } from '#auth';
import type { EgressPool } from '#egress';
import { isObject } from '#kernel';
import type { Log } from '#observability';
import { MemberProtocolError, refusalOf } from '../builder.errors.js';
import type { Era } from '../member.js';
import type { MemberCredential } from '../member-credential.js';
import type { Deadlines } from '../wire/deadlines.js';
import { type HeaderList, applyPatch, passCookies, patchFor } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import { type ControlAnswer, sendControl } from './control-request.js';
import { INITIALIZE, agreedVersion, faultOf } from './handshake.js';
import { LATEST_LEGACY_VERSION, MODERN_VERSION, OWN_META, UNSUPPORTED_VERSION } from './mcp-protocol.js';
import { type AccountBound, type MemberLink, openAsNow } from './member-link.js';
import { hasLostSession } from './member-message.js';
import { type ServerFacts, factsIn } from './server-facts.js';

/** What was agreed on with a member. */
export interface McpSession extends AccountBound {
  readonly era: Era;
  readonly version: string;
  /** Headers of every request within it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The member gave a session id, and can end the session. */
  readonly isNamed: boolean;
  /** What the member said of itself when the session was opened. */
  readonly facts: ServerFacts;
}

export interface McpLinkParts {
  readonly endpoint: URL;
  /** Static headers of the configuration, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly pool: EgressPool;
  /** The one that the composer's own messages carry now. */
  readonly credential: () => MemberCredential;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** What the composer says of its own accord. */
interface OwnMessage {
  readonly message: Record<string, unknown>;
  readonly limit: TimeLimit;
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
/** For a session, whoever asked for it first: others join in with limits of their own. */
const OPENING_MS = 15_000;
const MODERN_ERRORS = new Set([-32020, -32021, UNSUPPORTED_VERSION]);

/**
 * The composer's side of one MCP member over Streamable HTTP: finds out which era it speaks, opens the session that the
 * legacy era wants, and asks it what the composer itself wants to know.
 */
export class McpLink implements MemberLink<McpSession> {
  readonly path: string;
  private session: McpSession | undefined;
  private opening: Promise<McpSession> | undefined;
  private lastId = 0;

  constructor(private readonly parts: McpLinkParts) {
    this.path = parts.endpoint.pathname + parts.endpoint.search;
  }

  /** The open session: the way of almost every call, without a promise. */
  peek(): McpSession | undefined {
    return this.session;
  }

  /** The open session, or a new one. Rejects with a `ComposerError` that says why there is none. */
  async open(limit: TimeLimit): Promise<McpSession> {
    if (this.session) return this.session;
    limit.left();
    this.opening ??= this.agree(new TimeLimit(OPENING_MS))
      .then((session) => (this.session = session))
      .finally(() => (this.opening = undefined));
    return limit.waitFor(this.opening, this.parts.deadlines);
  }

  /** The member does not know the session any more. */
  forget(session: McpSession): void {
    if (this.session === session) this.session = undefined;
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
    let answer = await this.send(session, { id: `composer-${this.nextId()}`, method, params }, limit);
    if (session.isNamed && hasLostSession(answer)) {
      this.forget(session);
      answer = await this.send(await this.open(limit), { id: `composer-${this.nextId()}`, method, params }, limit);
    }
    const { value, raw } = responseOf(answer, method);
    if (isObject(value['result'])) return { result: value['result'], raw };
    throw faultOf(method, value['error'], this.parts.log);
  }

  /** A member of the legacy era speaks of itself in the handshake alone. */
  async describe(limit: TimeLimit): Promise<ServerFacts> {
    const before = this.session;
    const session = await openAsNow(this, this.parts.credential(), limit);
    const { era, facts } = session;
    if (era === 'legacy' || session !== before) return facts;
    return factsIn((await this.ask('server/discover', {}, limit)).result);
  }

  /** Tells the member something; what it answers does not matter. */
  async tell(session: McpSession, message: Record<string, unknown>): Promise<void> {
    try {
      await this.send(session, message, new TimeLimit(FAREWELL_MS));
    } catch (error) {
      this.parts.log.debug('a message to the member was lost', { err: error });
    }
  }

  /** Ends the session; a member that is away does not hold it up for long. */
  async end(): Promise<void> {
    const { session } = this;
    this.session = undefined;
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

  /** Modern first, as the specification advises: only a modern server answers `server/discover`. */
  private async agree(limit: TimeLimit): Promise<McpSession> {
    const discover = () =>
      this.send(MODERN_SESSION, { id: `composer-${this.nextId()}`, method: 'server/discover', params: {} }, limit);
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
    const answer = await this.send(stranger, { id: `composer-${this.nextId()}`, ...INITIALIZE }, limit);
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
    const noted = await this.send(session, { method: 'notifications/initialized' }, limit);
    if (noted.status >= 400)
      throw new MemberProtocolError(`it answered notifications/initialized with HTTP ${noted.status}`);
    return session;
  }

  /** A refused credential is renewed once, if its strategy can. */
  private async send(session: McpSession, message: Record<string, unknown>, limit: TimeLimit): Promise<OwnAnswer> {
    const credential = this.parts.credential();
    const patch = await credential.get();
    const answer = await this.post(session, patch, { message, limit });
    if (!answer.isRefusal) return answer;
    const fresh = await credential.renew(patch, answer);
    return fresh ? this.post(session, fresh, { message, limit }) : answer;
  }

  private async post(session: McpSession, patch: RequestPatch, { message, limit }: OwnMessage): Promise<OwnAnswer> {
    const timeoutMs = limit.left();
    const isModern = session.era === 'modern';
    const method = typeof message['method'] === 'string' ? message['method'] : undefined;
    const params = isModern ? { ...(message['params'] as object), _meta: OWN_META } : message['params'];
    const [path, headers] = this.head(session, isModern && method ? { 'mcp-method': method } : {}, patch);
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message, ...(params ? { params } : {}) }));
    const request = { method: 'POST', path, headers, body, timeoutMs } as const;
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
}

const UNAGREED = { headers: {}, isNamed: false, isStateless: true, facts: { capabilities: {} } } as const;
const MODERN_SESSION: McpSession = {
  ...UNAGREED,
  era: 'modern',
  version: MODERN_VERSION,
  headers: { 'mcp-protocol-version': MODERN_VERSION },
};

function speaksModern({ status, response }: ControlAnswer): boolean {
  if (!response) return false;
  const { result, error } = response.value;
  if (status === 200 && isObject(result))
    return Array.isArray(result['supportedVersions']) && result['supportedVersions'].includes(MODERN_VERSION);
  return isObject(error) && MODERN_ERRORS.has(Number(error['code'])) && Number(error['code']) !== UNSUPPORTED_VERSION;
}

/** The member has refused the version of the request, and names one that is known here. */
function offersModern({ response }: ControlAnswer): boolean {
  const error = response?.value['error'];
  if (!isObject(error) || error['code'] !== UNSUPPORTED_VERSION || !isObject(error['data'])) return false;
  const { supported } = error['data'];
  return Array.isArray(supported) && supported.includes(MODERN_VERSION);
}

function refuseRefusal({ status, headers, isRefusal }: ControlAnswer): void {
  if (isRefusal || status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
}

function responseOf(answer: ControlAnswer, method: string): { value: Record<string, unknown>; raw: Buffer } {
  refuseRefusal(answer);
  const { status, response } = answer;
  if (!response)
    throw new MemberProtocolError(
      `it answered ${method} with HTTP ${status} and no JSON-RPC message: is this its MCP endpoint?`,
    );
  return response;
}
