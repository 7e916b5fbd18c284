import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type Fault, CloudantFaults } from './cloudant-faults.js';
import { CloudantGatekeeper } from './cloudant-gatekeeper.js';
import { CloudantRules, type Forwarded } from './cloudant-rules.js';

const REQUESTS_KEPT = 20_000;

export interface SeenRequest {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** Empty without one. */
  readonly query: string;
  /** `Basic`, `Bearer` or `Cookie`; empty without a credential. */
  readonly scheme: string;
  readonly status: number;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Stands before the CouchDB-compatible server and makes a Cloudant of it: credentials, partitions, limits, faults. */
export class CloudantFront {
  readonly faults = new CloudantFaults();
  readonly gatekeeper = new CloudantGatekeeper();
  readonly rules = new CloudantRules();
  /** The last requests, oldest first. */
  readonly requests: SeenRequest[] = [];
  private readonly server: Server;
  private making: Promise<unknown> = Promise.resolve();

  /** @param behind URL of the server that stores */
  constructor(private readonly behind: string) {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async open(): Promise<void> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const [place = '', query = ''] = url.split('?');
    const path = decodeURIComponent(place);
    const sent = Buffer.concat(await request.toArray().catch(() => []));
    const body = headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    const fault = path.startsWith('/identity/') ? undefined : this.faults.next(method, path);
    const answer = await this.answer(request, { method, url, body }, fault).catch((error: unknown) =>
      told(500, 'unknown_error', String(error)),
    );
    const scheme = headers.authorization?.split(' ')[0] ?? (headers.cookie?.includes('AuthSession') ? 'Cookie' : '');
    this.requests.push({ method, path, query, scheme, status: answer?.status ?? 0 });
    if (this.requests.length > REQUESTS_KEPT) this.requests.shift();
    if (answer) response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    if (answer) response.end(answer.body);
    else if (fault?.kind === 'cut') request.socket.destroy();
  }

  private async answer(
    { headers }: IncomingMessage,
    request: Forwarded,
    fault: Fault | undefined,
  ): Promise<Answer | undefined> {
    const login = this.login(request);
    if (login) return login;
    if (fault?.kind === 'hang') return undefined;
    if (fault?.kind === 'answer')
      return { ...told(fault.status, names[fault.status] ?? 'fault'), ...withHeaders(fault) };
    if (!this.gatekeeper.admits(headers)) return told(401, 'unauthorized');
    if (fault?.kind === 'lost') return { status: 202, body: JSON.stringify({ ok: true, ...lost(request) }) };
    const judged = this.rules.judge(request);
    if ('reason' in judged) return told(judged.status, judged.error, judged.reason);
    const answer = await (makesDatabase(judged) ? this.inTurn(judged) : this.forward(judged));
    if (fault?.kind === 'cut') return undefined;
    return fault?.kind === 'accepted' && answer.status < 300 ? { ...answer, status: 202 } : answer;
  }

  private login({ method, url, body }: Forwarded): Answer | undefined {
    if (method !== 'POST') return undefined;
    if (url === '/_session') {
      const { name, username, password } = JSON.parse(body.toString()) as Record<string, unknown>;
      const cookie = this.gatekeeper.session(name ?? username, password);
      return cookie
        ? { status: 200, body: '{"ok":true}', headers: { 'set-cookie': cookie } }
        : told(401, 'unauthorized');
    }
    if (url !== '/identity/token') return undefined;
    const token = this.gatekeeper.iamToken(new URLSearchParams(body.toString()));
    return token ? { status: 200, body: JSON.stringify(token) } : told(400, 'BXNIM0415E');
  }

  /** Of several who make one database a CouchDB lets one do it; the server behind would tell each that it has. */
  private inTurn(request: Forwarded): Promise<Answer> {
    const made = this.making.then(() => this.forward(request));
    this.making = made.catch(() => undefined);
    return made;
  }

  private async forward({ method, url, body }: Forwarded): Promise<Answer> {
    const response = await fetch(`${this.behind}${url}`, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body.length > 0 && method !== 'GET' ? { body } : {}),
    });
    const text = await response.text();
    const isDatabase = method === 'GET' && response.ok && /^\/[^/?]+$/.test(url);
    const told = isDatabase ? JSON.stringify({ ...(JSON.parse(text) as object), ...this.rules.told(url) }) : text;
    return { status: response.status, body: told };
  }
}

const names: Readonly<Record<number, string>> = {
  409: 'conflict',
  429: 'too_many_requests',
  500: 'internal_server_error',
  503: 'service_unavailable',
};

const told = (status: number, error: string, reason = error): Answer => ({
  status,
  body: JSON.stringify({ error, reason }),
});

const makesDatabase = ({ method, url }: Forwarded): boolean => method === 'PUT' && /^\/[^/?]+(\?|$)/.test(url);

const withHeaders = ({ headers }: Pick<Answer, 'headers'>): object => (headers ? { headers } : {});

/** The name and the state that a document would have got. */
function lost({ url, body, method }: Forwarded): object {
  const id = decodeURIComponent(url.split('?')[0]!.split('/')[2] ?? '');
  const before = method === 'PUT' ? (JSON.parse(body.toString()) as { _rev?: string })._rev : undefined;
  const from = before ?? new URLSearchParams(url.split('?')[1]).get('rev') ?? '0-';
  return { id, rev: `${parseInt(from, 10) + 1}-${randomBytes(16).toString('hex')}` };
}
