import type { CloudantV1 } from '@ibm-cloud/cloudant';
import type { SecretValues } from '#observability';
import type { CloudantConfig } from '../persistence.config.js';
import { cloudantClient } from './cloudant-client.js';

/** The newest, and the one before: that is good for a while after the SDK has fetched the next. */
const CREDENTIALS_KEPT = 2;

/** One request. */
export type Send<T> = (client: CloudantV1, db: string, signal: AbortSignal) => Promise<CloudantV1.Response<T>>;

interface Agents {
  readonly httpAgent?: { destroy(): void };
  readonly httpsAgent?: { destroy(): void };
}

/** A client that logs in by itself, and its connections. What it shows to be let in is masked until it is closed. */
export class CloudantSession {
  /** Newest last. */
  private credentials: readonly string[] = [];
  private underWay = 0;
  private isEnding = false;

  private constructor(
    private readonly client: CloudantV1,
    private readonly database: string,
    private readonly secrets: SecretValues,
  ) {}

  static async open(config: CloudantConfig, secrets: SecretValues): Promise<CloudantSession> {
    const client = await cloudantClient(config);
    const session = new CloudantSession(client, config.database, secrets);
    const { defaults } = client.getHttpClient();
    // Interceptors would run before the one that puts the cookie of a session in.
    defaults.transformRequest = [defaults.transformRequest ?? []].flat().concat((body: unknown, headers) => {
      for (const name of ['Authorization', 'Cookie']) {
        const credential: unknown = headers.get(name);
        if (typeof credential === 'string') session.note(credential.replace(/^(?:\w+ |AuthSession=)/, ''));
      }
      return body;
    });
    return session;
  }

  async send<T>(send: Send<T>, signal: AbortSignal): Promise<CloudantV1.Response<T>> {
    this.underWay += 1;
    try {
      return await send(this.client, this.database, signal);
    } finally {
      this.underWay -= 1;
      if (this.isEnding && this.underWay === 0) this.close();
    }
  }

  /** Closes it once the requests that are under way are over. */
  end(): void {
    this.isEnding = true;
    if (this.underWay === 0) this.close();
  }

  /** At once: requests that are under way fail. Safe to call twice. */
  close(): void {
    const { httpAgent, httpsAgent } = this.client.getHttpClient().defaults as Agents;
    httpAgent?.destroy();
    httpsAgent?.destroy();
    for (const credential of this.credentials) this.secrets.forget(credential);
    this.credentials = [];
  }

  private note(credential: string): void {
    if (this.credentials.includes(credential)) return;
    this.secrets.remember(credential);
    const all = [...this.credentials, credential];
    for (const old of all.slice(0, -CREDENTIALS_KEPT)) this.secrets.forget(old);
    this.credentials = all.slice(-CREDENTIALS_KEPT);
  }
}
