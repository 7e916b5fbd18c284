import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { type OpenDatabase, createTenant, describeOnEveryDatabase } from '#persistence/testing';
import { trailOn } from '../testing/trail-on.js';
import type { AuditTrail } from './audit-trail.js';

describeOnEveryDatabase('AuditTrail', (open) => {
  let opened: OpenDatabase;
  let trail: AuditTrail;
  let tenants: readonly TenantId[];

  beforeAll(async () => {
    opened = await open();
    trail = await trailOn(opened.database);
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
});
