import type { ClientRequest, IncomingMessage } from 'node:http';
import {
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  META_VERSION,
  type Message,
  MessageError,
  NAMED_BY,
  encodeHeader,
  parseMessage,
  scanObject,
} from '#builder';
import { isObject } from '#kernel';
import type { Log } from '#observability';
import { messagesIn } from './answer-messages.js';
import type { OwnRequest } from './in-process.js';
import { OwnSession, agreedIn } from './own-session.js';
import { ToolHeaders } from './tool-headers.js';

export interface StdioBridgeParts {
  readonly send: (ask: OwnRequest) => ClientRequest;
  /** The address at the endpoint. */
  readonly path: string;
  /** Of every request: who asks, and whom. */
  readonly headers: Readonly<Record<string, string>>;
  /** Resolves when the client takes more. */
  readonly write: (message: Buffer) => Promise<void>;
  readonly log: Log;
}

type Answer = IncomingMessage & { readonly statusCode: number };

/** A request of the client that has no answer yet. */
interface Open {
  readonly message: Message;
  readonly isModern: boolean;
  sent?: ClientRequest;
  isCancelled: boolean;
  isAnswered: boolean;
}

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** Requests under way; a client that has more is broken. */
const MAX_OPEN = 1_000;
const REFUSED = -32000;
const CANCELLED = 'notifications/cancelled';
const LISTEN = 'subscriptions/listen';
const REST_MS = 1_000;
/**
 * Between one client over stdio and the endpoint, in either era: each message of the client is a POST as the transport
 * over HTTP has it, and what comes on the streams of the answers goes out as it is. What only HTTP says is said here:
 * sessions, headers, and in the modern era a cancellation, which is the end of a stream (2026-07-28, cancellation).
 */
export class StdioBridge {
  private session: OwnSession | undefined;
  private reopening: Promise<void> | undefined;
  private readonly open = new Map<string, Open>();
  private readonly tools = new ToolHeaders((message, cursor) => this.toolsFor(message, cursor));
  private listening: ClientRequest | undefined;
  private rest: NodeJS.Timeout | undefined;
  private idle: (() => void) | undefined;
  private isEnded = false;

  constructor(private readonly parts: StdioBridgeParts) {}

  /** One line of the client. Resolves when the next one may be looked at: never rejects. */
  async receive(line: Buffer): Promise<void> {
    let message: Message;
    try {
      message = parseMessage(line);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      const { id, code, message: text } = error;
      return this.fault(id === undefined ? undefined : Buffer.from(JSON.stringify(id)), code, text);
    }
    if (message.method === undefined || message.id === undefined) return this.tell(message);
    const asked = this.ask(message);
    // Until a session is agreed on nothing else can be understood.
    return message.method === 'initialize' ? asked : undefined;
  }

  /** Resolves when every request is answered that will be. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = resolve;
      this.lookIfIdle();
    });
  }

  /** The client has gone: cancels what is under way, and ends the session. */
  async end(): Promise<void> {
    this.isEnded = true;
    clearTimeout(this.rest);
    this.listening?.destroy();
    for (const { sent } of this.open.values()) sent?.destroy();
    const { session } = this;
    if (session) await this.exchange('DELETE', session.headers).then(emptied, () => undefined);
  }

  private async ask(message: Message): Promise<void> {
    const key = JSON.stringify(message.id);
    if (this.open.has(key)) {
      return this.fault(idIn(message), INVALID_REQUEST, 'Invalid Request: another request has this id');
    }
    if (this.open.size >= MAX_OPEN) return this.fault(idIn(message), REFUSED, 'Too many requests are under way');
    const open: Open = { message, isModern: isModern(message), isCancelled: false, isAnswered: false };
    this.open.set(key, open);
    try {
      await this.forward(open);
    } catch (error) {
      this.parts.log.debug('a request of the client was broken off', { err: error });
    } finally {
      this.open.delete(key);
      if (!this.isEnded && !open.isAnswered && !open.isCancelled) await this.tellUnanswered(open);
      this.lookIfIdle();
    }
  }

  private async forward(open: Open): Promise<void> {
    const { message } = open;
    const session = open.isModern || message.method === 'initialize' ? undefined : this.session;
    const answer = await this.post(open, session);
    if (answer.statusCode === 404 && session) {
      await emptied(answer);
      await this.reopen(session);
      return this.passOn(open, await this.post(open, this.session));
    }
    if (answer.statusCode !== 400 || !open.isModern || message.method !== 'tools/call')
      return this.passOn(open, answer);
    const refusal: Buffer[] = [];
    for await (const one of messagesIn(answer)) refusal.push(one);
    // Nothing was done yet.
    const isHeader = refusal.some((one) => codeIn(one) === HEADER_MISMATCH);
    if (!isHeader || !(await this.tools.learn(message))) return this.passOn(open, answer, refusal);
    return this.passOn(open, await this.post(open, undefined));
  }

  private post(open: Open, session: OwnSession | undefined): Promise<Answer> {
    const { message, isModern: modern } = open;
    const headers = modern ? { ...modernHeaders(message), ...this.mirrored(message) } : (session?.headers ?? {});
    return this.exchange('POST', headers, { body: message.raw, sent: (request) => (open.sent = request) });
  }

  private mirrored(message: Message): Record<string, string> {
    return message.method === 'tools/call' ? this.tools.of(message) : {};
  }

  /** Asked as the client asks, and of nobody's concern but the bridge's. */
  private async toolsFor({ params }: Message, cursor: string | undefined): Promise<object> {
    const { progressToken: _, ...meta } = params['_meta'] as Record<string, unknown>;
    const asked = { jsonrpc: '2.0', id: 'composer-tools', method: 'tools/list', params: { _meta: meta, cursor } };
    const message = parseMessage(Buffer.from(JSON.stringify(asked)));
    const answer = await this.exchange('POST', modernHeaders(message), { body: message.raw });
    let result: unknown;
    for await (const one of messagesIn(answer))
      result = (JSON.parse(one.toString('utf8')) as { result?: unknown }).result;
    if (!isObject(result)) throw new Error('the tools could not be listed');
    return result;
  }

  private async passOn(
    open: Open,
    answer: Answer,
    messages: AsyncIterable<Buffer> | Iterable<Buffer> = messagesIn(answer),
  ): Promise<void> {
    const { message } = open;
    for await (const one of messages) {
      const kind = kindOf(one);
      if (kind === 'response') {
        open.isAnswered = true;
        this.noteAnswer(open, one, answer);
      }
      await this.parts.write(kind === 'nameless' ? named(one, message) : one);
      if (kind === 'nameless') open.isAnswered = true;
    }
  }

  private noteAnswer({ message }: Open, answer: Buffer, { headers }: Answer): void {
    const { method = '', params, raw } = message;
    if (method === 'initialize') {
      const version = agreedIn(answer);
      const id = headers['mcp-session-id'];
      if (version === undefined || typeof id !== 'string') return;
      this.listening?.destroy();
      this.session = new OwnSession(id, version, Buffer.from(raw));
    } else if (scan(answer).has('result')) this.session?.noteTaken(method, params, Buffer.from(raw));
  }

  /** Whatever has no answer: notifications, and answers of the client. */
  private async tell(message: Message): Promise<void> {
    const { method, params, raw } = message;
    const cancelled = method === CANCELLED ? this.open.get(JSON.stringify(params['requestId'])) : undefined;
    if (cancelled) cancelled.isCancelled = true;
    if (cancelled?.isModern) return void cancelled.sent?.destroy();
    if (!this.session) return;
    try {
      await emptied(await this.exchange('POST', this.session.headers, { body: raw }));
    } catch (error) {
      this.parts.log.debug('a message of the client was lost', { err: error });
    }
    if (method === 'notifications/initialized') this.listen();
  }

  /** The stream on which the composer speaks without being asked (2025-11-25, transports). */
  private listen(): void {
    const { session } = this;
    if (!session || this.isEnded) return;
    const again = () => {
      if (this.isEnded || this.session !== session) return;
      this.rest = setTimeout(() => this.listen(), REST_MS);
    };
    this.follow(session).then(again, (error: unknown) => {
      this.parts.log.debug('the stream of what changes broke', { err: error });
      again();
    });
  }

  private async follow(session: OwnSession): Promise<void> {
    const answer = await this.exchange('GET', session.headers, { sent: (request) => (this.listening = request) });
    if (answer.statusCode === 200) for await (const message of messagesIn(answer)) await this.parts.write(message);
    else await emptied(answer);
    if (answer.statusCode === 404) await this.reopen(session);
  }

  /** The session is over: another one takes its place, which the client need not know. */
  private reopen(session: OwnSession): Promise<void> {
    if (this.session !== session) return Promise.resolve();
    this.reopening ??= this.openAgain(session).finally(() => (this.reopening = undefined));
    return this.reopening;
  }

  private async openAgain(before: OwnSession): Promise<void> {
    const opened = await emptied(await this.exchange('POST', {}, { body: before.initialize }));
    const id = opened.headers['mcp-session-id'];
    if (typeof id !== 'string') throw new Error('no other session could be opened');
    const session = before.as(id);
    const initialized = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    for (const body of [initialized, ...session.requests]) {
      await emptied(await this.exchange('POST', session.headers, { body }));
    }
    this.session = session;
    this.listen();
  }

  private exchange(
    method: OwnRequest['method'],
    more: Readonly<Record<string, string>>,
    { body, sent }: { readonly body?: Buffer; readonly sent?: (request: ClientRequest) => void } = {},
  ): Promise<Answer> {
    const { send, path, headers } = this.parts;
    const length = body ? { ...JSON_HEADERS, 'content-length': String(body.length) } : { accept: JSON_HEADERS.accept };
    return new Promise((resolve, reject) => {
      const request = send({ method, path, headers: { ...length, ...headers, ...more } });
      sent?.(request);
      request.on('response', (answer) => resolve(answer as Answer));
      request.on('error', reject);
      request.on('close', () => reject(new Error('closed without an answer')));
      request.end(body);
    });
  }

  private tellUnanswered({ message }: Open): Promise<void> {
    if (message.method !== LISTEN) {
      return this.fault(idIn(message), INTERNAL_ERROR, 'Internal error: the composer gave no answer');
    }
    // 2026-07-28, subscriptions: the end of one that the client has not ended.
    const params = { requestId: message.id };
    return this.parts.write(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: CANCELLED, params })));
  }

  private fault(id: Buffer | undefined, code: number, message: string): Promise<void> {
    const error = JSON.stringify({ code, message });
    return this.parts.write(Buffer.from(`{"jsonrpc":"2.0",${id ? `"id":${id.toString()},` : ''}"error":${error}}`));
  }

  private lookIfIdle(): void {
    const isIdle = [...this.open.values()].every(({ message }) => message.method === LISTEN);
    if (isIdle) this.idle?.();
  }
}

function isModern({ params }: Message): boolean {
  const meta = params['_meta'];
  return isObject(meta) && typeof meta[META_VERSION] === 'string';
}

/** 2026-07-28, transports: what a request over HTTP says in headers besides. */
function modernHeaders({ method = '', params }: Message): Record<string, string> {
  const meta = params['_meta'] as Record<string, string>;
  const name = params[NAMED_BY.get(method) ?? ''];
  return {
    'mcp-protocol-version': encodeHeader(meta[META_VERSION]!),
    'mcp-method': encodeHeader(method),
    ...(typeof name === 'string' ? { 'mcp-name': encodeHeader(name) } : {}),
  };
}

const idIn = ({ raw, places: { id } }: Message): Buffer => raw.subarray(id!.start, id!.end);

function scan(message: Buffer): ReadonlySet<string> {
  const keys = new Set<string>();
  scanObject(message, 0, (key) => keys.add(key));
  return keys;
}

function codeIn(message: Buffer): unknown {
  const { error } = JSON.parse(message.toString('utf8')) as { error?: { code?: unknown } };
  return error?.code;
}

/** `nameless`: an error of something that was refused before anybody looked at its id. */
function kindOf(message: Buffer): 'response' | 'nameless' | 'other' {
  const keys = scan(message);
  if (keys.has('method')) return 'other';
  return keys.has('id') ? 'response' : 'nameless';
}

function named(error: Buffer, message: Message): Buffer {
  const text = error.toString('utf8').trimStart();
  return Buffer.from(`{"id":${idIn(message).toString()},${text.slice(1)}`);
}

/** Reads an answer to its end, and keeps nothing of it. */
async function emptied(answer: Answer): Promise<Answer> {
  for await (const _ of messagesIn(answer)) continue;
  return answer;
}
