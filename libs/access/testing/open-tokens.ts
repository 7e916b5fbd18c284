import { randomUUID } from 'node:crypto';
import { type Egress, egressFor } from '#egress/testing';
import { Clock, type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import { DEFAULT_TENANT } from '#tenancy';
import { AccessChanges } from '../src/directory/access-changes.js';
import { AccessDirectory } from '../src/directory/access-directory.js';
import { IssuerJudge } from '../src/issuers/issuer-judge.js';
import { IssuerRegistry } from '../src/issuers/issuer-registry.js';
import { Issuers } from '../src/issuers/issuers.js';
import type { OauthConfig } from '../src/oauth.config.js';
import { ExternalTokenVerifier } from '../src/tokens/external-token-verifier.js';
import { IntrospectionVerifier } from '../src/tokens/introspection-verifier.js';
import { IssuerDocuments } from '../src/tokens/issuer-documents.js';
import { JwtVerifier } from '../src/tokens/jwt-verifier.js';
import { TokenPrincipals } from '../src/tokens/token-principals.js';
import { type MemoryStores, eventOf, memoryStores } from './access-stores.js';
import { MemoryIssuerStore } from './memory.issuer.store.js';

export const PUBLIC_URL = 'https://gw.example';

/** Everything that verifies tokens of others, on stores of one process; it reaches loopback alone. */
export interface OpenTokens {
  readonly stores: MemoryStores;
  readonly issuers: Issuers;
  readonly registry: IssuerRegistry;
  readonly verifier: ExternalTokenVerifier;
  readonly directory: AccessDirectory;
  readonly egress: Egress;
  /** Adds to what the clock shows, in milliseconds. */
  forward(ms: number): void;
  /** What was logged, from `debug` on. */
  readonly lines: readonly string[];
  /** A new tenant. */
  tenant(slug: string): Promise<TenantId>;
  close(): Promise<void>;
}

class MovedClock extends Clock {
  ahead = 0;
  override now(): number {
    return Date.now() + this.ahead;
  }
}

export async function openTokens(config: Partial<OauthConfig> = {}): Promise<OpenTokens> {
  const stores = await memoryStores();
  const { trail, tenants, principals, roles } = stores;
  if (!(await tenants.find(DEFAULT_TENANT))) {
    await tenants.insert({ id: DEFAULT_TENANT, slug: 'default', name: 'Default' }, eventOf('tenant.created'));
  }
  const clock = new MovedClock();
  const changes = new AccessChanges(trail.feed);
  changes.onModuleInit();
  const egress = egressFor(['127.0.0.0/8:*']);
  const sealer = await openMemorySealer();
  const lines: string[] = [];
  const secrets = new SecretValues();
  const log = Log.open({ level: 'debug', format: 'json' }, secrets, (line) => lines.push(line));
  const listen = { host: '', port: 0, publicUrl: PUBLIC_URL, isLoopback: false, aliases: [] };

  const store = new MemoryIssuerStore(trail);
  const whole = { callbackPath: '/auth/callback', mcpScopes: [], ...config };
  const issuers = new Issuers(whole, store, sealer, secrets, changes);
  issuers.onModuleInit();
  const directory = new AccessDirectory(tenants, roles, principals, changes, clock);
  const documents = new IssuerDocuments(egress.http, clock);
  const made = new TokenPrincipals(listen, directory, principals);
  const jwts = new JwtVerifier(issuers, documents, made, log, clock);
  const introspection = new IntrospectionVerifier(issuers, documents, made, egress.http, clock);
  return {
    stores,
    issuers,
    directory,
    egress,
    lines,
    forward: (ms) => void (clock.ahead += ms),
    registry: new IssuerRegistry(store, issuers, sealer, new IssuerJudge(egress.guard, principals, listen)),
    verifier: new ExternalTokenVerifier(listen, jwts, introspection, directory),
    tenant: async (slug) => {
      const id = (await tenants.findBySlug(slug))?.id;
      if (id) return id;
      return (await tenants.insert({ id: tenantId(randomUUID()), slug, name: slug }, eventOf('tenant.created'))).id;
    },
    close: () => egress.close(),
  };
}
