import type { IncomingMessage } from 'node:http';
import type { AuditEvent, AuditTrail } from '#audit';
import { originServer } from '#egress/testing';
import { Clock, principalId, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { BrowserCookies, BrowserForms } from '#pages';
import { NO_PERMISSIONS, type Principal } from '#tenancy';
import { openPendingConsents, openScopeWishes } from '#token-store/testing';
import type { AuthAdapter, AuthBlock } from '../src/auth-adapter.js';
import { CallbackDesk } from '../src/consent/callback-desk.js';
import {
  type ConnectableMember,
  ConnectableMembers,
  type ConnectableWish,
} from '../src/consent/connectable-members.js';
import { Connections } from '../src/consent/connections.js';
import type { ConsentAnswer, ConsentBegin, ConsentFlow } from '../src/consent/consent-flow.js';
import { ConsentDesk } from '../src/consent/consent-desk.js';
import { ConsentStates } from '../src/consent/consent-states.js';
import { ConsentListener } from '../src/consent/consent.listener.js';
import { type Visitor, Visitors } from '../src/consent/visitors.js';
import { ConsentRefusedError } from '../src/auth.errors.js';
import type { CredentialUse } from '../src/credential-use.js';

export const ACME = tenantId('5b0d1a52-9c4f-4e0e-8c57-0c8f5a2a7f01');
export const GLOBEX = tenantId('5b0d1a52-9c4f-4e0e-8c57-0c8f5a2a7f02');
const ISSUER = 'https://issuer.example';

/** A person's settings for the flow of these tests. */
interface Settings {
  readonly identity: 'shared' | 'per_user';
  readonly grant: 'consent' | 'none';
  readonly ask: string;
  readonly scope: string;
}

/** What the issuer of these tests was sent, in place of one. */
export interface Exchange {
  readonly code: string;
  readonly use: CredentialUse;
  readonly verifier: unknown;
}

class TestFlow implements ConsentFlow {
  readonly exchanges: Exchange[] = [];

  isNeededBy({ settings }: AuthBlock): boolean {
    return (settings as Settings).grant === 'consent';
  }

  async describe({ scope: more }: CredentialUse, settings: unknown) {
    const { ask, scope: told } = settings as Settings;
    const scope = more === undefined ? told : `${told} ${more}`;
    return { issuer: ISSUER, clientName: 'MCP Composer', scopes: scope.split(' '), redirectHost: new URL(ask).host };
  }

  async begin(_: CredentialUse, settings: unknown, { redirectUri, state }: ConsentBegin) {
    const { ask } = settings as Settings;
    const query = new URLSearchParams({ state, redirect_uri: redirectUri, client_id: 'composer' });
    return { authorizationUrl: `${ask}?${query.toString()}`, kept: { verifier: 'v'.repeat(43), state } };
  }

  async finish(use: CredentialUse, _: unknown, { kept, callbackParams: params }: ConsentAnswer) {
    if (params.get('iss') !== ISSUER || params.get('state') !== kept['state'])
      throw new ConsentRefusedError('mixed up');
    if (params.has('error')) throw new ConsentRefusedError(params.get('error')!);
    this.exchanges.push({ code: params.get('code')!, use, verifier: kept['verifier'] });
  }
}

class TestMembers extends ConnectableMembers {
  readonly all = new Map<string, ConnectableMember>();

  override async find({ tenantId: tenant }: Principal, { serverId: id, tool }: ConnectableWish) {
    return this.all.get(JSON.stringify([tenant, id, ...(tool === undefined ? [] : [tool])]));
  }
}

/** A header in place of a session: who sits at a browser is decided elsewhere. */
class TestVisitors extends Visitors {
  override async find({ headers }: IncomingMessage): Promise<Visitor | undefined> {
    const [name = '', slug = 'acme', role = 'caller', scope = 'manage'] = String(headers['x-visitor'] ?? '').split(' ');
    if (name === '') return undefined;
    const principal: Principal = {
      id: principalId(name),
      tenantId: slug === 'acme' ? ACME : GLOBEX,
      roles: [role],
      scopes: scope === 'manage' ? ['mcp', 'manage'] : ['mcp'],
      permissions: NO_PERMISSIONS,
      credential: { kind: 'session', id: `session of ${name}` },
    };
    return { principal, name: `${name}@example.com`, tenantSlug: slug, tenantName: slug.toUpperCase() };
  }
}

/** The pages for connecting members on a port of their own, with a flow that stands for any strategy. */
export async function openConsentPages() {
  const flow = new TestFlow();
  const wishes = await openScopeWishes();
  // Nothing else of it is asked here.
  const auth = {
    isPerPrincipal: ({ settings }: AuthBlock) => (settings as Settings).identity === 'per_user',
  } as AuthAdapter;
  const members = new TestMembers();
  const events: (AuditEvent & { readonly tenantId: string })[] = [];
  const lines: string[] = [];
  const trail = {
    record: async (tenant: string, ...told: readonly AuditEvent[]) =>
      void events.push(...told.map((event) => ({ ...event, tenantId: tenant }))),
  } as unknown as AuditTrail;
  const pending = await openPendingConsents(new Clock());
  const late: { listener?: (url: string) => ConsentListener } = {};
  const listeners = new Map<string, ConsentListener>();
  const server = await originServer((request, response) => {
    const url = `http://${request.headers.host!}`;
    const listener = listeners.get(url) ?? late.listener!(url);
    listeners.set(url, listener);
    listener.before((_, other) => void other.writeHead(404).end('nothing'))(request, response);
  });
  late.listener = (url) => {
    const cookies = new BrowserCookies({ publicUrl: url });
    const connections = new Connections(auth, members, [flow], wishes);
    const states = new ConsentStates(pending, cookies);
    return new ConsentListener(
      new TestVisitors(),
      new ConsentDesk({ publicUrl: url }, connections, states, new BrowserForms(cookies), trail),
      new CallbackDesk(connections, states, trail),
      Log.open({ level: 'debug', format: 'json' }, new SecretValues(), (line) => lines.push(line)),
    );
  };
  return {
    url: server.url,
    flow,
    events,
    lines,
    wishes,
    /** Another process behind the same address: it remembers nothing, and shares the store. */
    restart: () => listeners.clear(),
    /** Adds or changes a member. */
    member(tenant: typeof ACME, id: string, settings: Partial<Settings> = {}, tool?: string): void {
      const ask = `${ISSUER}/authorize`;
      members.all.set(JSON.stringify([tenant, id, ...(tool === undefined ? [] : [tool])]), {
        label: `The ${id}`,
        use: {
          member: { tenantId: tenant, serverId: serverId(id) },
          endpoint: new URL(`https://${id}.example/mcp`),
          ...(tool === undefined ? {} : { tool }),
        },
        block: {
          strategy: 'test',
          settings: { identity: 'per_user', grant: 'consent', ask, scope: 'read write', ...settings },
        },
      });
    },
    close: () => server.close(),
  };
}

export type OpenConsentPages = Awaited<ReturnType<typeof openConsentPages>>;
