import type { ServerResponse } from 'node:http';
import { type OriginServer, originServer } from '#egress/testing';
import type { Sent } from './mcp-origin.js';

/** A stream that somebody has opened. */
export interface OpenStream {
  /** Sends a JSON-RPC message on it. */
  send(message: object): void;
  /** Sends an event as it is. */
  write(event: string): void;
  /** Breaks it. */
  destroy(): void;
  /** What it is written on. */
  readonly response: ServerResponse;
}

/** A bare MCP server over HTTP+SSE on loopback that does what a test tells it, and keeps what it was asked. */
export interface SseOrigin extends OriginServer {
  /** What was posted, oldest first. */
  readonly posted: readonly Sent[];
  readonly methods: () => readonly string[];
  /** Streams that are open now. */
  readonly streams: readonly OpenStream[];
  /** Streams that were opened so far. */
  readonly opened: number;
  tools: readonly string[];
  /** What it says where messages are to be posted, before the id of the session. */
  endpoint: string;
  /** Answers a tool call on its stream; the default gives the name of the tool. The post is answered with 202. */
  onCall: (message: Sent, stream: OpenStream) => void;
  /** In place of the answer to `initialize`. */
  onInitialize?: (message: Sent, stream: OpenStream) => void;
  /** What it does not answer of its own accord; the post is answered with 202. */
  onOther?: (message: Sent, stream: OpenStream) => void;
  /** In place of the stream that somebody asks for. */
  onStream?: (response: ServerResponse) => void;
  /** Asked about every post before anything else: true if it has answered. */
  intercept: (message: Sent, response: ServerResponse) => boolean;
  /** Knows no session any more, while their streams stay open. */
  forgetSessions(): void;
}

export async function sseOrigin(...tools: readonly string[]): Promise<SseOrigin> {
  const posted: Sent[] = [];
  const open = new Set<OpenStream>();
  const sessions = new Map<string, OpenStream>();
  let opened = 0;

  const begin = (response: ServerResponse): void => {
    const stream: OpenStream = {
      write: (event) => void response.write(event),
      send: (message) =>
        void response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`),
      destroy: () => response.destroy(),
      response,
    };
    const id = `session-${++opened}`;
    sessions.set(id, stream);
    open.add(stream);
    response.once('close', () => open.delete(stream) && sessions.delete(id));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`event: endpoint\ndata: ${origin.endpoint}?session=${id}\n\n`);
  };

  const take = (message: Sent, stream: OpenStream): void => {
    const { id, method, params } = message;
    const answers: Record<string, object> = {
      initialize: { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: { name: 'origin', version: '1' } },
      'tools/list': { tools: origin.tools.map((name) => ({ name, inputSchema: { type: 'object' } })) },
    };
    if (method === 'initialize' && origin.onInitialize) return origin.onInitialize({ id, method }, stream);
    if (method === 'tools/call') return origin.onCall({ id, method, ...(params ? { params } : {}) }, stream);
    const result = answers[String(method)];
    if (result) stream.send({ id, result });
    else origin.onOther?.({ id, ...(method ? { method } : {}) }, stream);
  };

  const server = await originServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://any');
    if (request.method === 'GET' && origin.onStream) return origin.onStream(response);
    if (request.method === 'GET') return pathname === '/sse' ? begin(response) : void response.writeHead(404).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Sent;
      posted.push(message);
      if (origin.intercept(message, response)) return;
      const stream = sessions.get(searchParams.get('session') ?? '');
      if (!stream) return void response.writeHead(404).end('Session not found');
      response.writeHead(202).end('Accepted');
      take(message, stream);
    });
  });

  const origin: SseOrigin = {
    ...server,
    posted,
    methods: () => posted.map(({ method }) => String(method)),
    get streams() {
      return [...open];
    },
    get opened() {
      return opened;
    },
    get connections() {
      return server.connections;
    },
    tools,
    endpoint: '/messages',
    onCall: ({ id, params }, stream) => stream.send({ id, result: textResult(String(params?.name)) }),
    intercept: () => false,
    forgetSessions: () => sessions.clear(),
  };
  return origin;
}

export const textResult = (text: string): object => ({ content: [{ type: 'text', text }] });
