import type { IncomingHttpHeaders } from 'node:http';
import type { MemberRef, PrincipalId, ServerId } from '#kernel';
import type { StoredCatalog } from '#registry';
import type { ClientAnswer, MemberQuestion } from './asked-client.js';
import type { ClientFacts } from './client-facts.js';
import type { LogLevel } from './log-level.js';
import type { Message } from './json-rpc/json-rpc-message.js';
import type { ToolDesk } from './layered/tool-desk.js';
import type { MemberOffer } from './member-offer.js';
import type { MirroredParam } from './mcp/mirrored-params.js';

/** `legacy`: a handshake and a session, up to revision 2025-11-25. `modern`: every request stands alone, 2026-07-28. */
export type Era = 'legacy' | 'modern';

/** Requests of clients that a member answers. */
export type ForwardedMethod = 'tools/call' | 'prompts/get' | 'resources/read' | 'completion/complete' | TaskMethod;
/** Of the extension of tasks (SEP-2663), which the modern era alone has. */
export type TaskMethod = 'tasks/get' | 'tasks/update' | 'tasks/cancel';

/** A task at a member, which a call of a tool has made. */
export interface MemberTask {
  /** As the member knows it. */
  readonly id: string;
  /** The member's own name of the tool: whatever credential it is called with, its tasks are asked for with. */
  readonly tool: string;
  readonly as: PrincipalId;
}

/** Somebody who wants to hear of a task. */
export interface TaskWatcher {
  /** A `notifications/tasks`, as the member has sent it. */
  changed(notification: Buffer): void;
  /** Nothing more will be heard, and something may have been missed. */
  lost(): void;
}

/** Who calls a member, as far as it decides in which session. */
export interface MemberCaller {
  readonly principalId: PrincipalId;
  readonly client: Pick<ClientFacts, 'capabilities'>;
}

/** One request of a client on its way to a member. */
export interface MemberRequest {
  readonly method: ForwardedMethod;
  /** The member's own word for what is asked for: a name, a URI, what the `ref` of a completion names, the id of a task. */
  readonly target: string;
  /** Of a request about a task: the tool whose call has made it, by the member's own name. */
  readonly tool?: string;
  readonly message: Message;
  /** Who asks: what it speaks, and what it may be asked. */
  readonly client: ClientFacts;
  /** The least urgent of what a caller of the legacy era wants to hear of the log (RFC 5424); absent: it hears nothing. */
  readonly logLevel?: LogLevel;
  /** Of a tool: the arguments that requests over HTTP repeat in headers. */
  readonly mirrored?: readonly MirroredParam[];
  /** As they came in; a member passes on only what its configuration lists. */
  readonly headers: IncomingHttpHeaders;
  /** Who calls: some members have a credential for each. */
  readonly principalId: PrincipalId;
}

/**
 * Where the answer of one request goes. The member gives exactly one answer: a message, a result, a failure, a protocol
 * error, or a stream that ends. The endpoint owns the connection to the caller.
 */
export interface MemberReply {
  /** The caller's JSON-RPC id, as it stood in the request. */
  readonly id: Buffer;
  /** Whether the caller takes an event stream. */
  readonly takesEvents: boolean;
  /** Whether the bytes of an event stream may be passed on as they come. Otherwise the answer is given by `message`. */
  readonly takesPieces: boolean;
  /**
   * The answer, a complete JSON-RPC message in the caller's era. `status` is for eras that carry errors in it. On an open
   * stream it is the last event.
   */
  message(parts: readonly Buffer[], status?: number): void;
  /** The result of the method that was asked; the reply makes a message of it. */
  result(result: object): void;
  /**
   * The member failed. The caller of a tool gets a result with `isError`, every other one the JSON-RPC error -32603.
   *
   * @param text what happened, and what to do
   * @param code of the `ComposerError`
   */
  failed(text: string, code: string): void;
  /** Nothing was done: a person has to connect the member first. Told in the way that the caller can take. */
  needsConsent(consent: NeededConsent): void;
  protocolError(code: number, message: string, data?: object): void;
  /**
   * Asks the caller something on the member's behalf, in a request of its own on the stream of the answer. `take` is
   * called once at most: a caller may never answer.
   *
   * @returns how to take the question back; undefined if the caller cannot be asked
   */
  ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined;
  /** Begins an event stream; `event` and `piece` follow, then `endStream`. */
  openStream(): void;
  /** One event's data. */
  event(parts: readonly Buffer[]): void;
  /** Bytes of an event stream as they came. False: wait for `onDrain`. */
  piece(piece: Buffer): boolean;
  endStream(): void;
  /** The answer will not come, or not to its end: a stream that was passed on may have stopped in the middle of it. */
  endUnanswered(): void;
  onDrain(resume: () => void): void;
}

/** What a person has to do before a member can be called. */
export interface NeededConsent {
  readonly serverId: ServerId;
  /** The page where it is done; holds no secret. */
  readonly url: string;
  /** For the person: what is asked, of whom, and why. */
  readonly text: string;
}

/** A request under way. */
export interface RunningCall {
  /** The caller does not want the answer any more: the member is told, and the connection is freed. */
  cancel(): void;
  /** The member is closed before it has answered: it is told, and so is the caller. */
  breakOff(): void;
}

/** How a member was when it was last used or tried. */
export type MemberOutcome = 'ok' | 'timeout' | 'unreachable' | 'auth_required' | 'needs_reentry' | 'error' | 'unknown';

/**
 * A live member of one type. Built from a checked configuration, owned by the pool, which closes it when another one
 * has taken its place.
 */
export interface Member {
  readonly ref: MemberRef;
  /** Whether an answered `refresh` shows that the member takes the credential, and not only that it is there. */
  readonly provesCredential: boolean;
  /** Whether every principal has a credential of its own: what one of them meets with says nothing of the others. */
  readonly isPerPrincipal: boolean;
  /** Of a layered member whose tools are operations of a service; absent: its definitions say all there is to say. */
  readonly desk?: ToolDesk;
  /**
   * Asks the member what it offers, within `timeoutMs`. Rejects with a `ComposerError` that says why it does not work.
   *
   * @param as whose credential is to be used where every principal has its own; absent: that of nobody
   */
  refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer>;
  /** What it offered when it was last asked, by this process or a former one. */
  offered(): MemberOffer;
  /** What to keep of that, for the next process. */
  snapshot(): StoredCatalog;
  /** Begins the request; the answer goes to `reply`. A method that its type does not have is unknown to it. */
  request(request: MemberRequest, reply: MemberReply): RunningCall;
  /** Whether somebody wants to hear at once of lists that change; a member that tells nothing is not listened to. */
  listen(isWanted: boolean): void;
  /** Whether it tells of resources that change. */
  readonly tellsOfUpdates: boolean;
  /**
   * Calls `onUpdate` whenever what stands under `uri` may be another thing, until what is returned is called or it is closed.
   * Rejects with a `ComposerError` if the member does not take it.
   */
  watch(uri: string, caller: MemberCaller, onUpdate: () => void): Promise<() => void>;
  /**
   * Tells the watcher of every change of the task that the member tells of, until what is returned is called, it is lost, or
   * the member is closed. Rejects with a `ComposerError` if the member does not take it.
   */
  watchTask(task: MemberTask, watcher: TaskWatcher): Promise<() => void>;
  /** What is stored of its credentials has changed, of one principal or of anybody: nothing older is sent any more. */
  forgetCredentials(principalId?: PrincipalId): void;
  /** Lets running calls finish within `graceMs`, then releases everything. */
  close(graceMs: number): Promise<void>;
}
