import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditEvent, AuditTrail } from '#audit';
import type { EgressHttp, HttpAnswer, HttpRequest } from '#egress';
import { egressFor, originServer } from '#egress/testing';
import { Clock, type PrincipalId, type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { BrowserCookies, BrowserForms } from '#pages';
import { openHandleSealer, openMemorySealer } from '#persistence/testing';
import { AccessChanges } from '../src/directory/access-changes.js';
import { AccessDirectory } from '../src/directory/access-directory.js';
import { ClientAddress } from '../src/identity/client-address.js';
import { AccessTokenVerifier } from '../src/authorization-server/access-token-verifier.js';
import { AuthorizationServerListener } from '../src/authorization-server/authorization-server.listener.js';
import { BrowserDesk } from '../src/authorization-server/browser/browser-desk.js';
import { BrowserSessionVerifier } from '../src/authorization-server/browser/browser-session-verifier.js';
import { BrowserSessions } from '../src/authorization-server/browser/browser-sessions.js';
import { CallbackDesk } from '../src/authorization-server/browser/callback-desk.js';
import { ConsentDesk } from '../src/authorization-server/browser/consent-desk.js';
import { ConsentGrants } from '../src/authorization-server/browser/consent-grants.js';
import { KeyLoginDesk } from '../src/authorization-server/browser/key-login-desk.js';
import { LoginDesk } from '../src/authorization-server/browser/login-desk.js';
import { OauthClients } from '../src/authorization-server/clients/oauth-clients.js';
import { GrantLedger } from '../src/authorization-server/grants/grant-ledger.js';
import { GrantStanding } from '../src/authorization-server/grants/grant-standing.js';
import { IssuerRoles } from '../src/authorization-server/grants/issuer-roles.js';
import { IssuerDirectory } from '../src/authorization-server/issuer-directory.js';
import { ProviderLibrary } from '../src/authorization-server/provider-library.js';
import { MemoryAuthorizationRecordStore } from '../src/authorization-server/records/memory.authorization-record.store.js';
import { SealedRecords } from '../src/authorization-server/records/sealed-records.js';
import { RegistrationDesk } from '../src/authorization-server/registration-desk.js';
import { RegistrationThrottle } from '../src/authorization-server/registration-throttle.js';
import { IdentityProviders } from '../src/authorization-server/sign-in/identity-providers.js';
import { People } from '../src/authorization-server/sign-in/people.js';
import { PersonFinder } from '../src/authorization-server/sign-in/person-finder.js';
import { SignInStates } from '../src/authorization-server/sign-in/sign-in-states.js';
import { SignIn } from '../src/authorization-server/sign-in/sign-in.js';
import { TenantKeys } from '../src/authorization-server/tenant-keys.js';
import { TenantProviders } from '../src/authorization-server/tenant-providers.js';
import { Issuers } from '../src/issuers/issuers.js';
import type { StoredPrincipal } from '../src/principals/principal.store.js';
import { IssuerDocuments } from '../src/tokens/issuer-documents.js';
import { eventOf, memoryStores } from './access-stores.js';
import { openMemoryIdentity } from './memory-identity.js';
import { MemoryIssuerStore } from './memory.issuer.store.js';

export const ACME: TenantId = tenantId('5b0d1a52-9c4f-4e0e-8c57-0c8f5a2a7f01');

export interface AuthorizationServerOptions {
  /** What clients are told we are called; the address that it listens on unless given. */
  readonly publicUrl?: string;
  /** Entries as in `EGRESS_ALLOW`. */
  readonly allow?: readonly string[];
  /** Documents at https addresses, which need a certificate that a test cannot have. */
  readonly documents?: ReadonlyMap<string, unknown>;
}

/** The authorization server on memory, on a port of its own, with the default tenant and one called `acme`. */
export async function openAuthorizationServer({
  publicUrl,
  allow = [],
  documents = new Map(),
}: AuthorizationServerOptions = {}) {
  const clock = new Clock();
  const lines: string[] = [];
  const log = Log.open({ level: 'debug', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  const stores = await memoryStores();
  const { trail: noted, tenants, roles, principals: people, keys: keyStore } = stores;
  await tenants.insert({ id: ACME, slug: 'acme', name: 'ACME' }, eventOf('tenant.created'));
  const changes = new AccessChanges(noted.feed);
  changes.onModuleInit();
  const directory = new AccessDirectory(tenants, roles, people, changes, clock);
  const egress = egressFor(allow);
  const store = new MemoryAuthorizationRecordStore(
    clock,
    (tenantId) => void noted.feed.tell({ tenantId, topic: 'access' }),
  );
  const sealer = await openMemorySealer(clock);
  const handles = await openHandleSealer();
  const issuerStore = new MemoryIssuerStore(noted);
  const oauth = { callbackPath: '/auth/callback', mcpScopes: [] };
  const trusted = new Issuers(oauth, issuerStore, sealer, new SecretValues(), changes);

  let listener: AuthorizationServerListener | undefined = undefined;
  const missing = (_: IncomingMessage, response: ServerResponse): void => void response.writeHead(404).end('nothing');
  const server = await originServer((request, response) => {
    const asked = listener;
    if (asked?.handles((request.url ?? '').split('?')[0]!)) asked.handle(request, response, missing);
    else missing(request, response);
  });
  const url = publicUrl ?? server.url;
  const listen = { host: '127.0.0.1', port: server.port, publicUrl: url, isLoopback: true, aliases: [] };

  const issuers = new IssuerDirectory(listen, directory);
  const records = new SealedRecords(store, sealer, clock);
  const ledger = new GrantLedger(records, new IssuerRoles(trusted), keyStore, changes, clock);
  const keys = new TenantKeys(records, clock);
  const standing = new GrantStanding(ledger, directory);
  const providers = new TenantProviders(
    issuers,
    records,
    keys,
    standing,
    new ProviderLibrary(withDocuments(egress.http, documents), log),
  );

  // What a real trail writes into the database.
  const record = async (_tenant: TenantId, ...events: readonly AuditEvent[]) => void store.events.push(...events);
  const trail = { record } as unknown as AuditTrail;
  const idps = new IdentityProviders(egress.http, new IssuerDocuments(egress.http, clock));
  const signIn = new SignIn(trusted, issuers, idps, new PersonFinder(idps), new SignInStates(records, handles));
  const cookies = new BrowserCookies(listen);
  const sessions = new BrowserSessions(records, handles, cookies, clock);
  const { identity } = await openMemoryIdentity({ stores });
  const keyLogins = new KeyLoginDesk(identity, sessions, new BrowserForms(cookies));
  const consents = new ConsentGrants(issuers, providers, records);
  const browsers = new BrowserDesk(
    new ConsentDesk(trail, handles, records, signIn, cookies),
    new CallbackDesk(signIn, new People(people, trail, clock), consents, sessions, cookies),
    new LoginDesk(issuers, signIn, sessions, cookies, keyLogins),
  );
  const registrations = new RegistrationDesk(new RegistrationThrottle(clock), new ClientAddress({ proxies: [] }));
  listener = new AuthorizationServerListener(issuers, providers, registrations, browsers, log);

  return {
    /** Where it listens, whatever it is called. */
    address: server.url,
    publicUrl: url,
    store,
    records,
    people,
    apiKeys: keyStore,
    issuerStore,
    sealer,
    keys,
    clients: new OauthClients(records, people, clock),
    tokens: new AccessTokenVerifier(issuers, keys, ledger, directory),
    sessions,
    sessionVerifier: new BrowserSessionVerifier(sessions, ledger, directory),
    tenants,
    /** Changes a principal as its tenant's administrator would. */
    async changePrincipal(id: PrincipalId, change: Partial<StoredPrincipal>): Promise<void> {
      const { version, ...before } = (await people.find(ACME, id))!;
      await people.replace({ ...before, ...change, version: version + 1 }, eventOf('principal.updated'));
    },
    lines,
    async close() {
      changes.onApplicationShutdown();
      await egress.close();
      await server.close();
    },
  };
}

function withDocuments(http: EgressHttp, documents: ReadonlyMap<string, unknown>): EgressHttp {
  const request = async (ask: HttpRequest): Promise<HttpAnswer> => {
    const document = documents.get(String(ask.url));
    if (document === undefined) return http.request(ask);
    const body = Buffer.from(JSON.stringify(document));
    return { status: 200, headers: { 'content-type': 'application/json' }, body, url: String(ask.url) };
  };
  return { request } as unknown as EgressHttp;
}

export type OpenAuthorizationServer = Awaited<ReturnType<typeof openAuthorizationServer>>;
