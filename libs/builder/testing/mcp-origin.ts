import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { type OriginServer, originServer } from '#egress/testing';

/** What the composer sends, as far as the server looks at it. */
export interface Sent {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly cursor?: string };
}

interface Asked {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Absent where the request had no body. */
  readonly message?: Sent;
  /** The body as it came. */
  readonly text: string;
}

/** A bare MCP server of revision 2025-11-25 on loopback that does what a test tells it, and keeps what it was asked. */
export interface McpOrigin extends OriginServer {
  readonly asked: readonly Asked[];
  /** JSON-RPC methods in the order in which they came, or the HTTP method where there was no message. */
  readonly methods: () => readonly string[];
  /** The tools that it offers now: by name, or defined as they are. */
  tools: readonly (string | object)[];
  /** What it says of itself in the handshake. */
  facts: { readonly capabilities: object; readonly instructions?: string };
  /** By method, the pages that it answers other lists with; a method that is not among them is unknown to it. */
  readonly lists: Map<string, readonly object[]>;
  /** Answers every tool call; the default gives the name of the tool and the session. */
  onCall: (message: Sent, response: ServerResponse) => void;
  /** Asked before anything else: true if it has answered, or means to. */
  intercept: (message: Sent, response: ServerResponse) => boolean;
  /** Answers the GET of a session; with 405 unless set. */
  onListen: (response: ServerResponse, session: string) => void;
  /** The status of every answer, 200 unless set; above that there is no message. */
  status: number;
  /** Ends all sessions, as a restart would. */
  forgetSessions(): void;
}

export async function mcpOrigin(...tools: readonly string[]): Promise<McpOrigin> {
  const asked: Asked[] = [];
  const sessions = new Set<string>();
  let opened = 0;

  const answer = ({ method, message, headers }: Asked, response: ServerResponse): void => {
    const session = String(headers['mcp-session-id']);
    const result = (value: object) => reply(response, { jsonrpc: '2.0', id: message?.id, result: value });
    if (message && origin.intercept(message, response)) return;
    if (origin.status !== 200) return void response.writeHead(origin.status).end();
    if (message?.method === 'initialize') {
      sessions.add(`session-${++opened}`);
      response.setHeader('mcp-session-id', `session-${opened}`);
      return result({ protocolVersion: '2025-11-25', serverInfo: { name: 'origin', version: '1' }, ...origin.facts });
    }
    if (headers['mcp-session-id'] === undefined) return void response.writeHead(400).end();
    if (!sessions.has(session)) return void response.writeHead(404).end();
    if (message?.method === 'tools/list') return result({ tools: origin.tools.map(definitionOf) });
    if (message?.method?.endsWith('/list')) {
      const page = origin.lists.get(message.method)?.[Number(message.params?.cursor ?? 0)];
      if (page) return result(page);
      return reply(response, { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } });
    }
    if (!message && method === 'GET') return origin.onListen(response, session);
    if (message?.method === 'tools/call') return origin.onCall(message, response);
    response.writeHead(message ? 202 : 200).end();
  };

  const server = await originServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const sent = text ? { message: JSON.parse(text) as Sent } : {};
      const one: Asked = { method: request.method!, headers: request.headers, text, ...sent };
      asked.push(one);
      answer(one, response);
    });
  });

  const origin: McpOrigin = {
    ...server,
    asked,
    methods: () => asked.map(({ method, message }) => String(message?.method ?? method)),
    tools,
    facts: { capabilities: {} },
    lists: new Map(),
    onCall: (message, response) => answerCall(message, response, String(message.params?.name)),
    intercept: () => false,
    onListen: (response) => void response.writeHead(405).end(),
    status: 200,
    forgetSessions: () => sessions.clear(),
    get connections() {
      return server.connections;
    },
  };
  return origin;
}

/** Answers a tool call with one text. */
export function answerCall({ id }: Sent, response: ServerResponse, text: string): void {
  reply(response, { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
}

/** Begins an event stream; what it returns writes one event. */
export function eventStream(response: ServerResponse): (message: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  return (message) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
}

const definitionOf = (tool: string | object): object =>
  typeof tool === 'string' ? { name: tool, inputSchema: { type: 'object' } } : tool;

function reply(response: ServerResponse, message: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}
