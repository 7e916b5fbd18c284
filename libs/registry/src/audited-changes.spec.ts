import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditEvent } from '#audit';
import { checkOn, trailOn } from '#audit/testing';
import { openAuthAdapter } from '#auth/testing';
import { type MemberRef, type TenantId, serverId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type OpenDatabase, asSuperuser, createTenant, openPostgresDatabase, ringProvider } from '#persistence/testing';
import { CLI } from '#tenancy';
import type { Admission, MemberGate } from './member-gate.js';
import { PostgresServerConfigStore } from './postgres/postgres.server-config.store.js';
import { SealedConfig } from './sealed-config.js';
import { ServerRegistry } from './server-registry.js';

/** `npm run chaos:audit` asks for more. */
const WRITES = Number(process.env['AUDIT_CHAOS_WRITES'] ?? 1000);
const TENANTS = 4;
const SERVERS = 5;
/** Changes that are made at the same time. */
const SIDE_BY_SIDE = 8;

/** Fails some of the writes to the trail: half of these at once, and half when their transaction commits. */
const SABOTAGE = `
  CREATE FUNCTION fail_at_random() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF random() < 0.15 THEN RAISE EXCEPTION 'the audit sink fails'; END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER fail_at_once BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION fail_at_random();
  CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail_at_random();`;

const openGate: MemberGate = {
  judge: async () => undefined,
  retire: async () => undefined,
  isWorking: async () => false,
  admit: async (): Promise<Admission> => ({ activate: () => undefined, discard: async () => undefined }),
};

/** What was acknowledged of one change, in the words of the trail. */
type Told = readonly [action: string, target: string, version: unknown];

describe('changes of servers on Postgres, while the audit sink fails at random', () => {
  let opened: OpenDatabase;
  let tenants: readonly TenantId[];
  let registry: ServerRegistry;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  const acknowledged = new Map<TenantId, Told[]>();
  let failed = 0;
  let refused = 0;

  const admin = (sql: string, params: readonly unknown[] = []) =>
    asSuperuser(
      (client) => client.query(sql, [...params]),
      new URL((opened.config as { url: string }).url).pathname.slice(1),
    );

  beforeAll(async () => {
    opened = await openPostgresDatabase();
    provider = await ringProvider();
    const auth = await openAuthAdapter();
    const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
    const store = new PostgresServerConfigStore(opened.database, await trailOn(opened.database, { provider }));
    registry = new ServerRegistry(store, new SealedConfig(opened.sealer, auth, new SecretValues()), auth, log);
    registry.useGate(openGate);
    tenants = await Promise.all(Array.from({ length: TENANTS }, () => createTenant(opened.database)));
    for (const tenant of tenants) acknowledged.set(tenant, []);
    await admin(SABOTAGE);
    await write();
    await admin('DROP TRIGGER fail_at_once ON audit_events');
    await admin('DROP TRIGGER fail_at_commit ON audit_events');
  }, 1_200_000);
  afterAll(() => opened?.close());

  /** `WRITES` tries of changes, of all kinds and in no order. */
  async function write(): Promise<void> {
    let left = WRITES;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const tenant = pick(tenants);
        const ref = { tenantId: tenant, serverId: serverId(`s${Math.floor(Math.random() * SERVERS)}`) };
        try {
          const told = await change(ref);
          acknowledged.get(tenant)!.push(told);
        } catch (error) {
          if (/the audit sink fails/.test((error as Error).message)) failed++;
          else if ((error as { status?: number }).status! < 500) refused++;
          else throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  }

  async function change(ref: MemberRef): Promise<Told> {
    const target = `server:${ref.serverId}`;
    const kind = Math.random();
    if (!(await registry.has(ref)) || kind < 0.02) {
      const endpoint = 'https://member.example/mcp';
      const auth = { token: `secret-${Math.random()}` };
      const config = { id: ref.serverId, type: 'http', endpoint, auth_strategy: 'bearer', auth };
      const { server } = await registry.register(ref.tenantId, config, { by: CLI });
      return ['server.registered', target, server.version];
    }
    if (kind < 0.7) {
      const { server } = await registry.update(ref, { label: `l${Math.random()}` }, { by: CLI });
      return ['server.updated', target, server.version];
    }
    if (kind < 0.9) {
      const status = pick(['active', 'deactivated'] as const);
      const { server } = await registry.setStatus(ref, status, CLI);
      return [status === 'active' ? 'server.activated' : 'server.deactivated', target, server.version];
    }
    const { version } = await registry.get(ref);
    await registry.remove(ref, CLI);
    return ['server.deleted', target, version];
  }

  async function trailOf(tenant: TenantId): Promise<AuditEvent[]> {
    const { rows } = await admin('SELECT body FROM audit_events WHERE tenant_id = $1 ORDER BY seq', [tenant]);
    return rows.map(({ body }: { body: string }) => JSON.parse(body) as AuditEvent);
  }

  const sorted = (all: readonly Told[]): string[] => all.map((one) => JSON.stringify(one)).sort();

  it('are in the trail if they were acknowledged, and only then', async () => {
    let count = 0;
    for (const tenant of tenants) {
      const recorded = (await trailOf(tenant)).map(({ action, target, detail }): Told => [
        action,
        target!,
        detail?.['version'],
      ]);
      const known = acknowledged.get(tenant)!;
      // A deletion says the version that it read; another change may have come between.
      const but = (all: readonly Told[]) =>
        sorted(all.map(([action, target, version]) => [action, target, action === 'server.deleted' ? 0 : version]));
      expect(but(recorded)).toEqual(but(known));
      count += known.length;
    }
    expect(count + failed + refused).toBe(WRITES);
    expect(failed).toBeGreaterThan(WRITES / 20);
    process.stderr.write(
      `${WRITES} writes: ${count} acknowledged and recorded, ${failed} failed with the sink, ${refused} refused, 0 unaudited\n`,
    );
  });

  it('left the servers as the trail says', async () => {
    for (const tenant of tenants) {
      const told = new Map<string, unknown>();
      for (const { target, after, detail } of await trailOf(tenant)) {
        if (after) told.set(target!.slice('server:'.length), { config: after, version: detail?.['version'] });
        else told.delete(target!.slice('server:'.length));
      }
      const stored = await registry.list(tenant);
      expect(new Map(stored.map(({ id, config, version }) => [id as string, { config, version }]))).toEqual(told);
      expect((await registry.openAll(tenant)).every(({ problem }) => problem === undefined)).toBe(true);
    }
  });

  it('left whole trails, of which one altered event is found and named', async () => {
    const check = checkOn(opened.database, provider);
    for (const tenant of tenants) {
      const verdict = await check.run(tenant);
      expect(verdict).toMatchObject({ checked: acknowledged.get(tenant)!.length });
      expect(verdict.fault).toBeUndefined();
    }
    const tenant = pick(tenants);
    const seq = 1 + Math.floor(Math.random() * acknowledged.get(tenant)!.length);
    await admin(`UPDATE audit_events SET body = replace(body, '"cli"', '"api"') WHERE tenant_id = $1 AND seq = $2`, [
      tenant,
      seq,
    ]);
    const { fault } = await check.run(tenant);
    expect(fault).toMatchObject({ seq, kind: 'body' });
    process.stderr.write(`event ${seq} was altered: ${fault!.kind} of event ${fault!.seq} found\n`);
  });
});

const pick = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!;
