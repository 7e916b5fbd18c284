import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { type OpenDatabase, createTenant, openPostgresDatabase } from '#persistence/testing';
import { CLI } from '#tenancy';
import { trailOn } from '../testing/trail-on.js';

const INSUFFICIENT_PRIVILEGE = '42501';

describe('the application role, on Postgres', () => {
  let opened: OpenDatabase;
  let tenant: TenantId;
  let other: TenantId;

  beforeAll(async () => {
    opened = await openPostgresDatabase();
    tenant = await createTenant(opened.database);
    other = await createTenant(opened.database);
    const trail = await trailOn(opened.database);
    await trail.record(tenant, { action: 'tool.called', actor: CLI });
    await trail.record(other, { action: 'tool.called', actor: CLI });
  });
  afterAll(() => opened.close());

  it.each([
    `UPDATE audit_events SET body = '{}'`,
    `UPDATE audit_events SET at = at`,
    `DELETE FROM audit_events`,
    `TRUNCATE audit_events`,
    `DELETE FROM audit_chains`,
    `TRUNCATE audit_chains`,
    `ALTER TABLE audit_events DISABLE ROW LEVEL SECURITY`,
    `ALTER TABLE audit_events NO FORCE ROW LEVEL SECURITY`,
    `ALTER TABLE audit_events ADD COLUMN more text`,
    `ALTER TABLE audit_events OWNER TO CURRENT_USER`,
    `DROP TABLE audit_events`,
    `DROP POLICY tenant_isolation ON audit_events`,
    `CREATE TRIGGER t BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    `CREATE RULE r AS ON INSERT TO audit_events DO INSTEAD NOTHING`,
    `GRANT UPDATE ON audit_events TO CURRENT_USER`,
  ])('may not: %s', async (statement) => {
    const tried = opened.database.inTenant(tenant, (tx) => tx.execute(statement));
    // A grant of what one does not have is a warning and nothing more.
    if (statement.startsWith('GRANT')) await tried.catch(() => undefined);
    else await expect(tried).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
    await expect(
      opened.database.inTenant(tenant, (tx) => tx.execute(`UPDATE audit_events SET body = '{}'`)),
    ).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
  });

  it('reads and adds events of the tenant that it works for, and of no other', async () => {
    const seen = await opened.database.inTenant(tenant, (tx) =>
      tx.query<{ tenant_id: string }>('SELECT tenant_id FROM audit_events'),
    );
    expect(seen).toEqual([{ tenant_id: tenant }]);
    expect(await opened.database.asOperator((tx) => tx.query('SELECT * FROM audit_events'))).toEqual([]);
    const forged = opened.database.inTenant(tenant, (tx) =>
      tx.execute(`INSERT INTO audit_events SELECT $1, 2, at, action, actor, target, body, hash FROM audit_events`, [
        other,
      ]),
    );
    await expect(forged).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
    expect(
      await opened.database.inTenant(tenant, (tx) =>
        tx.execute(`UPDATE audit_chains SET seq = 9 WHERE tenant_id = $1`, [other]),
      ),
    ).toBe(0);
  });

  it('reads where all trails end as the operator, and changes none of them', async () => {
    const ends = await opened.database.asOperator((tx) => tx.query('SELECT tenant_id FROM audit_chains'));
    expect(ends).toHaveLength(2);
    expect(await opened.database.asOperator((tx) => tx.execute('UPDATE audit_chains SET seq = 9'))).toBe(0);
  });
});
