import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { type OpenDatabase, createTenant, describeOnEveryDatabase, ringProvider } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { checkOn, trailOn } from '../testing/trail-on.js';
import type { PostgresAuditTrail } from './postgres.audit-trail.js';

describeOnEveryDatabase('PostgresAuditTrail', (open) => {
  let opened: OpenDatabase;
  let trail: PostgresAuditTrail;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let tenants: readonly TenantId[];

  beforeAll(async () => {
    opened = await open();
    provider = await ringProvider();
    trail = await trailOn(opened.database, { provider });
    tenants = [await createTenant(opened.database), await createTenant(opened.database)];
  });
  afterAll(() => opened.close());

  it('numbers the events of each tenant from 1 without gaps, whoever adds them at once', async () => {
    const actor = { kind: 'system', id: 'test' } as const;
    await Promise.all(
      tenants.flatMap((tenant) =>
        Array.from({ length: 20 }, (_, n) => trail.record(tenant, { action: `n.${n}`, actor, target: `n:${n}` })),
      ),
    );
    for (const tenant of tenants) {
      const rows = await opened.database.inTenant(tenant, (tx) =>
        tx.query<{ seq: string }>('SELECT seq FROM audit_events ORDER BY seq'),
      );
      expect(rows.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    }
  });

  it('goes on after the transaction that began a trail was rolled back', async () => {
    const tenant = await createTenant(opened.database);
    const event = { action: 'server.updated', actor: SYSTEM };
    const refused = opened.database.inTenant(tenant, async (tx) => {
      await trail.append(tx, event);
      throw new Error('changed my mind');
    });
    await expect(refused).rejects.toThrow('changed my mind');
    await trail.record(tenant, event);
    expect(await checkOn(opened.database, provider).run(tenant)).toMatchObject({ checked: 1, head: { seq: 1 } });
  });

  it('keeps the time of what happened before it is recorded, and takes texts that Postgres cannot hold', async () => {
    const tenant = await createTenant(opened.database);
    await trail.record(tenant, { action: 'tool.called', actor: SYSTEM, target: 'tool:a\0b\ud800', at: 1_000 });
    const rows = await opened.database.inTenant(tenant, (tx) =>
      tx.query<{ at: Date; body: string }>('SELECT at, body FROM audit_events'),
    );
    expect(rows[0]!.at.getTime()).toBe(1_000);
    expect(JSON.parse(rows[0]!.body)).toEqual({
      at: '1970-01-01T00:00:01.000Z',
      outcome: 'done',
      action: 'tool.called',
      actor: SYSTEM,
      target: 'tool:a\0b\ud800',
    });
    expect(await checkOn(opened.database, provider).run(tenant)).toEqual({ checked: 1, head: expect.anything() });
  });
});
