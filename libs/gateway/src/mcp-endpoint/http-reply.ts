import type { ServerResponse } from 'node:http';
import {
  COMPOSER_INFO,
  type ClientAnswer,
  type Era,
  INTERNAL_ERROR,
  META_SERVER_INFO,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  type MemberQuestion,
  type MemberReply,
  type NeededConsent,
} from '#builder';
import type { ComposerError } from '#kernel';
import { writeEvent, writeKeepAlive } from '../streams/event-writer.js';
import type { ResumableStream } from '../streams/resumable-stream.js';

/** Not of JSON-RPC's reserved range: the request was refused, and nobody has carried anything out. */
const REFUSED = -32000;
/** For what is not there; clients know it from the official SDK. */
const NOT_FOUND = -32001;
/** 2026-07-28, transports: of errors that have one. */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [METHOD_NOT_FOUND, 404],
  [MISSING_CAPABILITY, 400],
]);
/** Of the error that says the same. */
const CONSENT_REQUIRED = 'COMPOSER_CONSENT_REQUIRED';

/** JSON-RPC 2.0, section 5.1. */
export interface JsonRpcFault {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
}

/** What the caller is answered where a person has to act first. */
export type ConsentAnswer = { readonly result: object } | { readonly fault: JsonRpcFault };

/** As `MemberReply.ask`. */
export type Asker = MemberReply['ask'];

export interface ReplyOptions {
  readonly era: Era;
  /** The caller's id as it stood in its request; absent if it could not be read. */
  readonly id?: Buffer;
  readonly takesEvents: boolean;
  /** Whoever calls a tool reads of failures in a result. */
  readonly isToolCall?: boolean;
}

/**
 * The answer to one request on the MCP endpoint: HTTP on the outside, one JSON-RPC message or a stream of them inside.
 * Writes nothing to a caller that has gone, and nothing after the answer. A message on an open stream is its last event,
 * so that whoever fails late need not know how far the answer has come.
 */
export class HttpReply implements MemberReply {
  readonly id: Buffer;
  readonly takesEvents: boolean;
  readonly takesPieces: boolean;
  private readonly era: Era;
  private readonly isToolCall: boolean;
  private isGone = false;
  private isStreaming = false;
  private isAnswered = false;
  private isPassingOn = false;
  private whenAnswered: readonly (() => void)[] = [];
  private asker: Asker | undefined;
  private openKept: (() => ResumableStream) | undefined;
  private kept: ResumableStream | undefined;
  private nextEventId: (() => string) | undefined;
  private consentAnswer: ((consent: NeededConsent) => ConsentAnswer) | undefined;

  constructor(
    private readonly response: ServerResponse,
    { era, id, takesEvents, isToolCall = false }: ReplyOptions,
  ) {
    this.era = era;
    this.isToolCall = isToolCall;
    this.id = id ?? Buffer.alloc(0);
    this.takesEvents = takesEvents;
    this.takesPieces = takesEvents;
    response.once('close', () => (this.isGone = true));
  }

  /** Calls `listener` when the caller closes the connection before the answer is complete. */
  onAbandoned(listener: () => void): void {
    const { response } = this;
    response.once('close', () => {
      if (!response.writableFinished) listener();
    });
  }

  /** Calls `listener` when the answer was given, whether or not anybody was still there to take it. */
  onAnswered(listener: () => void): void {
    if (this.isAnswered) listener();
    else this.whenAnswered = [...this.whenAnswered, listener];
  }

  message(parts: readonly Buffer[], status = 200, headers: readonly string[] = []): void {
    if (this.isAnswered) return;
    if (this.isStreaming) {
      this.event(parts);
      return this.endStream();
    }
    this.noteAnswered();
    if (this.isGone) return;
    let length = 0;
    for (const part of parts) length += part.length;
    this.response.writeHead(status, ['content-type', 'application/json', 'content-length', String(length), ...headers]);
    if (parts.length === 1) {
      this.response.end(parts[0]);
      return;
    }
    this.response.cork();
    for (const part of parts) this.response.write(part);
    this.response.end();
    this.response.uncork();
  }

  /** A JSON-RPC response whose result is already JSON text. */
  resultBytes(parts: readonly Buffer[]): void {
    this.message([
      Buffer.from('{"jsonrpc":"2.0","id":'),
      this.id,
      Buffer.from(',"result":'),
      ...parts,
      Buffer.from('}'),
    ]);
  }

  result(result: object): void {
    this.resultBytes([Buffer.from(JSON.stringify(this.era === 'modern' ? stamped(result) : result))]);
  }

  failed(text: string, code: string): void {
    if (this.isToolCall) this.result({ content: [{ type: 'text', text }], isError: true });
    else this.protocolError(INTERNAL_ERROR, text, { code });
  }

  /** The caller can be asked for a person in another way than with words. */
  answerConsentBy(answer: (consent: NeededConsent) => ConsentAnswer): void {
    this.consentAnswer = answer;
  }

  needsConsent(consent: NeededConsent): void {
    const answer = this.consentAnswer?.(consent);
    if (!answer) {
      const text = `${consent.text} Open ${consent.url} in a browser, then try again.`;
      return this.failed(text, CONSENT_REQUIRED);
    }
    if ('result' in answer) this.result(answer.result);
    else this.error(200, answer.fault);
  }

  /** The caller takes requests, and this is how. */
  askBy(asker: Asker): void {
    this.asker = asker;
  }

  ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined {
    if ((this.isGone && !this.kept) || this.isAnswered || !this.takesEvents) return undefined;
    return this.asker?.(question, take);
  }

  /** What goes over the stream, once there is one, its caller can come back for. Before that, nothing is kept. */
  keepBy(open: () => ResumableStream): void {
    this.openKept = open;
  }

  /** Every event has an id. */
  nameEventsBy(nextId: () => string): void {
    this.nextEventId = nextId;
  }

  /** 2026-07-28 carries the kind of some errors in the HTTP status too; before, 200 carries every answer to a request. */
  protocolError(code: number, message: string, data?: object): void {
    const status = (this.era === 'modern' ? STATUSES.get(code) : undefined) ?? 200;
    this.error(status, { code, message, ...(data ? { data } : {}) });
  }

  /** A JSON-RPC error under an HTTP status of its own. */
  error(status: number, fault: JsonRpcFault, headers: readonly string[] = []): void {
    const error = Buffer.from(JSON.stringify(fault));
    const id = this.id.length > 0 ? [Buffer.from(',"id":'), this.id] : [];
    const parts = [Buffer.from('{"jsonrpc":"2.0"'), ...id, Buffer.from(',"error":'), error, Buffer.from('}')];
    this.message(parts, status, headers);
  }

  /** Answers with what the composer itself has against the request. */
  refuse({ code, message, status, retryAfter }: ComposerError, headers: readonly string[] = []): void {
    const fault = { code: status === 404 ? NOT_FOUND : REFUSED, message, data: { code } };
    const retry = retryAfter === undefined ? [] : ['retry-after', String(retryAfter)];
    this.error(status, fault, [...headers, ...retry]);
  }

  /** Ends an answer that is under way, with the reason where that can still be told. */
  cutOff(reason: ComposerError): void {
    // What was passed on piece by piece may have stopped in the middle of an event.
    if (this.isPassingOn || (this.isStreaming && this.id.length === 0)) return this.endStream();
    this.refuse(reason);
  }

  /** Answers without a message. */
  empty(status: number, headers: readonly string[] = []): void {
    if (this.isAnswered || this.isStreaming) return;
    this.noteAnswered();
    if (this.isGone) return;
    this.response.writeHead(status, [...headers, 'content-length', '0']);
    this.response.end();
  }

  openStream(): void {
    if (this.isAnswered || this.isStreaming) return;
    this.isStreaming = true;
    if (this.isGone) return;
    this.response.writeHead(200, [
      'content-type',
      'text/event-stream',
      'cache-control',
      'no-cache, no-transform',
      'x-accel-buffering',
      'no',
    ]);
    this.response.flushHeaders();
    this.kept = this.openKept?.();
    this.kept?.attach(this.response);
  }

  event(parts: readonly Buffer[]): void {
    if (this.isAnswered || (this.isGone && !this.kept)) return;
    // What is kept is copied: parts may be pieces of something larger.
    if (this.kept) return this.kept.event(onOneLine(Buffer.concat(parts)));
    const data = onOneLine(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
    writeEvent(this.response, data, this.nextEventId?.());
  }

  piece(piece: Buffer): boolean {
    this.isPassingOn = true;
    return this.isGone || this.isAnswered || this.response.write(piece);
  }

  /** As `writeKeepAlive`. */
  keepAlive(): void {
    if (!this.isGone && !this.isAnswered) writeKeepAlive(this.response);
  }

  endStream(): void {
    if (this.isAnswered) return;
    this.noteAnswered();
    if (this.kept) this.kept.end();
    else if (!this.isGone) this.response.end();
  }

  /** 2025-11-25, cancellation: a request that was cancelled gets no response; its connection is still to be freed. */
  endUnanswered(): void {
    this.openStream();
    this.endStream();
  }

  onDrain(resume: () => void): void {
    this.response.on('drain', resume);
    this.response.once('close', resume);
  }

  private noteAnswered(): void {
    this.isAnswered = true;
    for (const listener of this.whenAnswered) listener();
  }
}

function stamped(result: object): object {
  const { _meta, ...rest } = result as { _meta?: object };
  return { resultType: 'complete', ...rest, _meta: { ..._meta, [META_SERVER_INFO]: COMPOSER_INFO } };
}

/** A line end in JSON text is always a blank between tokens; in an event's data it would end the line. */
function onOneLine(part: Buffer): Buffer {
  if (!part.includes(0x0a) && !part.includes(0x0d)) return part;
  return part.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)) as Buffer;
}
