import { Clock } from '#kernel';
import { SecretValues } from '#observability';
import { type Egress, type OriginServer, egressFor, originServer } from '#egress/testing';
import type { ScopeWishes, TokenKeeper, UnwantedTokens } from '#token-store';
import { openFingerprints, openMemoryKeeper, openScopeWishes } from '#token-store/testing';
import { IssuedSecrets } from '../src/issuers/issued-secrets.js';
import { TokenKeys } from '../src/token-keys.js';

/** A clock that stands still until it is moved. */
export class SetClock extends Clock {
  time = Date.UTC(2026, 0, 1);
  override now(): number {
    return this.time;
  }
}

export interface IssuerRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names and values as they came, names in lower case, but for `host`, `connection` and `user-agent`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface IssuerAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** Everything that a strategy with credentials from issuers is made of, with a real issuer on loopback. */
export interface StrategyParts {
  readonly keeper: TokenKeeper;
  readonly keys: TokenKeys;
  readonly unwanted: UnwantedTokens;
  readonly wishes: ScopeWishes;
  readonly http: Egress['http'];
  readonly guard: Egress['guard'];
  readonly issued: IssuedSecrets;
  readonly clock: SetClock;
  readonly secrets: SecretValues;
  readonly issuer: OriginServer;
  /** What came to the issuer, in this order. */
  readonly asked: readonly IssuerRequest[];
  close(): Promise<void>;
}

const OF_THE_CONNECTION = ['host', 'connection', 'user-agent', 'accept-encoding'];

/** @param answer is told how many requests came, this one included */
export async function openStrategyParts(
  answer: (request: IssuerRequest, count: number) => IssuerAnswer,
): Promise<StrategyParts> {
  const asked: IssuerRequest[] = [];
  const issuer = await originServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const headers = Object.entries(incoming.headers).filter(([name]) => !OF_THE_CONNECTION.includes(name));
      const request = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
        body: Buffer.concat(chunks).toString(),
      };
      asked.push(request);
      const { status = 200, headers: more = {}, body = '' } = answer(request, asked.length);
      const type = typeof body === 'string' ? 'text/plain' : 'application/json';
      response.writeHead(status, { 'content-type': type, ...more });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  const egress = egressFor(['127.0.0.1:*']);
  const clock = new SetClock();
  const secrets = new SecretValues();
  const { keeper, unwanted } = openMemoryKeeper(clock);
  return {
    keeper,
    unwanted,
    wishes: await openScopeWishes(clock),
    keys: new TokenKeys(await openFingerprints()),
    http: egress.http,
    guard: egress.guard,
    issued: new IssuedSecrets(secrets),
    clock,
    secrets,
    issuer,
    asked,
    async close() {
      await egress.close();
      await issuer.close();
    },
  };
}
