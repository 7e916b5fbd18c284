import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import {
  type OpenDatabase,
  asSuperuser,
  createTenant,
  describeOnEveryDatabase,
  openPostgresDatabase,
  ringProvider,
} from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { checkOn, trailOn } from '../testing/trail-on.js';
import type { AuditCheck } from './audit-check.js';
import type { AuditAnchor, AuditEvent } from './audit-event.js';
import type { AuditTrail } from './audit-trail.js';

const EVENTS = 300;
/** The row that is tampered with. */
const BAD = 137;

const events = (count: number): AuditEvent[] =>
  Array.from({ length: count }, (_, n) => ({
    action: 'tool.called',
    actor: SYSTEM,
    target: `tool:t${n}`,
    detail: { n },
  }));

describe('AuditCheck, on Postgres, against somebody who can write to the tables', () => {
  let opened: OpenDatabase;
  let trail: AuditTrail;
  let check: AuditCheck;
  let tenant: TenantId;
  let head: AuditAnchor;

  beforeAll(async () => {
    opened = await openPostgresDatabase();
    const provider = await ringProvider();
    trail = await trailOn(opened.database, { provider });
    check = checkOn(opened.database, provider);
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    tenant = await createTenant(opened.database);
    await trail.record(tenant, ...events(EVENTS));
    const verdict = await check.run(tenant);
    expect(verdict).toEqual({ checked: EVENTS, head: { seq: EVENTS, hash: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    head = verdict.head!;
  });

  const tamper = (...statements: readonly string[]): Promise<void> => {
    const url = (opened.config as { url: string }).url;
    return asSuperuser(async (admin) => {
      for (const statement of statements) {
        const { rowCount } = await admin.query(statement.replaceAll('$T', `'${tenant}'`));
        expect(rowCount).toBeGreaterThan(0);
      }
    }, new URL(url).pathname.slice(1));
  };
  const set = (assignment: string, seq = BAD) =>
    `UPDATE audit_events SET ${assignment} WHERE tenant_id = $T AND seq = ${seq}`;
  const remove = (condition: string) => `DELETE FROM audit_events WHERE tenant_id = $T AND ${condition}`;
  const swap = (a: number, b: number) => [set('seq = 999999', a), set(`seq = ${a}`, b), set(`seq = ${b}`, 999999)];

  it.each([
    ['the text', set(`body = replace(body, '"n":136', '"n":137')`), { kind: 'body' }],
    ['the text, to what is no JSON', set(`body = 'nothing happened'`), { kind: 'body' }],
    ['the hash', set(`hash = sha256('x')`), { kind: 'hash' }],
    ['the hash, to nothing', set(`hash = ''`), { kind: 'hash' }],
    ['the time', set(`at = at + interval '1 microsecond'`), { kind: 'column', column: 'at' }],
    ['the time, to no time', set(`at = 'infinity'`), { kind: 'column', column: 'at' }],
    ['the action', set(`action = 'tool.listed'`), { kind: 'column', column: 'action' }],
    ['the actor', set(`actor = 'system:nobody'`), { kind: 'column', column: 'actor' }],
    ['the target', set(`target = 'tool:other'`), { kind: 'column', column: 'target' }],
    ['the target, to none', set(`target = NULL`), { kind: 'column', column: 'target' }],
    ['the number', set(`seq = 5000`), { kind: 'missing' }],
    ['the number, to one below all', set(`seq = -5`), { kind: 'missing' }],
    ['the tenant', set(`tenant_id = '00000000-0000-4000-8000-000000000001'`), { kind: 'missing' }],
  ])('names the one event of hundreds that was altered: %s', async (_, statement, fault) => {
    await tamper(statement);
    expect(await check.run(tenant)).toEqual({
      checked: BAD - 1,
      head,
      fault: { seq: BAD, message: expect.any(String), ...fault },
    });
    await asSuperuser(
      (admin) => admin.query(`DELETE FROM audit_events WHERE tenant_id = '00000000-0000-4000-8000-000000000001'`),
      new URL((opened.config as { url: string }).url).pathname.slice(1),
    );
  });

  it.each([
    ['an event that was deleted', [remove(`seq = ${BAD}`)], { seq: BAD, kind: 'missing' }],
    ['the first one, deleted', [remove('seq = 1')], { seq: 1, kind: 'missing' }],
    ['the last one, deleted', [remove(`seq = ${EVENTS}`)], { seq: EVENTS, kind: 'truncated' }],
    ['the last fifty, deleted', [remove(`seq > ${EVENTS - 50}`)], { seq: EVENTS - 49, kind: 'truncated' }],
    ['all of them, deleted', [remove('true')], { seq: 1, kind: 'truncated' }],
    ['two neighbours, exchanged', swap(BAD, BAD + 1), { seq: BAD, kind: 'foreign' }],
    ['two far apart, exchanged', swap(BAD, 200), { seq: BAD, kind: 'foreign' }],
    ['the last event, altered', [set(`body = '{}'`, EVENTS)], { seq: EVENTS, kind: 'body' }],
    ['the hash of the last one, altered', [set(`hash = ''`, EVENTS)], { seq: EVENTS, kind: 'hash' }],
    [
      'one added behind the end',
      [
        `INSERT INTO audit_events SELECT tenant_id, seq + 1, at, action, actor, target, body, hash
          FROM audit_events WHERE tenant_id = $T AND seq = ${EVENTS}`,
      ],
      { seq: EVENTS + 1, kind: 'foreign' },
    ],
    [
      'the head, altered',
      [`UPDATE audit_chains SET hash = sha256('x') WHERE tenant_id = $T`],
      { seq: EVENTS, kind: 'head' },
    ],
    ['the head, removed', [`DELETE FROM audit_chains WHERE tenant_id = $T`], { seq: 1, kind: 'head' }],
    [
      'the end and the head, put back without the fitting hash',
      [remove(`seq > ${BAD}`), `UPDATE audit_chains SET seq = ${BAD} WHERE tenant_id = $T`],
      { seq: BAD, kind: 'head' },
    ],
    [
      'the key, altered',
      [`UPDATE audit_chains SET wrapped = wrapped || '\\x00' WHERE tenant_id = $T`],
      { seq: 1, kind: 'key' },
    ],
    [
      'the key, under another name',
      [`UPDATE audit_chains SET kek_id = 'other' WHERE tenant_id = $T`],
      { seq: 1, kind: 'key' },
    ],
  ])('names %s', async (_, statements, fault) => {
    await tamper(...statements);
    expect((await check.run(tenant)).fault).toMatchObject(fault);
  });

  it('names the first event of a chain that was made anew without the key', async () => {
    await tamper(
      `WITH RECURSIVE forged AS (
         SELECT seq, body, hash FROM audit_events WHERE tenant_id = $T AND seq = ${BAD - 1}
         UNION ALL
         SELECT e.seq, replace(e.body, 'tool:t', 'tool:x'), sha256(f.hash || convert_to(e.body, 'UTF8'))
           FROM forged f JOIN audit_events e ON e.tenant_id = $T AND e.seq = f.seq + 1)
       UPDATE audit_events e SET body = f.body, hash = f.hash, target = 'tool:x' || (e.seq - 1)
         FROM forged f WHERE e.tenant_id = $T AND e.seq = f.seq AND f.seq >= ${BAD}`,
      `UPDATE audit_chains SET hash = (SELECT hash FROM audit_events WHERE tenant_id = $T AND seq = ${EVENTS})
        WHERE tenant_id = $T`,
    );
    expect((await check.run(tenant)).fault).toMatchObject({ seq: BAD, kind: 'foreign' });
  });

  it('does not take the key of another tenant for that of a trail', async () => {
    const other = await createTenant(opened.database);
    await trail.record(other, ...events(1));
    await tamper(
      `UPDATE audit_chains c SET wrapped = o.wrapped FROM audit_chains o WHERE c.tenant_id = $T AND o.tenant_id = '${other}'`,
    );
    expect((await check.run(tenant)).fault).toMatchObject({ seq: 1, kind: 'key' });
  });

  it('cannot tell a trail that was cut off whole, unless it is given an anchor', async () => {
    await tamper(
      `UPDATE audit_chains SET seq = ${BAD}, hash = e.hash FROM audit_events e
        WHERE e.tenant_id = $T AND e.seq = ${BAD} AND audit_chains.tenant_id = $T`,
      remove(`seq > ${BAD}`),
    );
    expect((await check.run(tenant)).fault).toBeUndefined();
    expect((await check.run(tenant, { anchor: head })).fault).toMatchObject({ seq: BAD + 1, kind: 'truncated' });
    // What was written since hides nothing.
    await trail.record(tenant, ...events(EVENTS));
    expect((await check.run(tenant)).fault).toBeUndefined();
    expect((await check.run(tenant, { anchor: head })).fault).toMatchObject({ seq: EVENTS, kind: 'anchor' });
    await tamper(remove('true'), 'DELETE FROM audit_chains WHERE tenant_id = $T');
    expect((await check.run(tenant)).fault).toBeUndefined();
    expect((await check.run(tenant, { anchor: head })).fault).toMatchObject({ seq: 1, kind: 'head' });
  });

  it('is satisfied with a whole trail and an anchor of it', async () => {
    await trail.record(tenant, ...events(1));
    expect(await check.run(tenant, { anchor: head })).toMatchObject({ checked: EVENTS + 1 });
  });
});

describeOnEveryDatabase('AuditCheck', (open) => {
  let opened: OpenDatabase;
  let trail: AuditTrail;
  let check: AuditCheck;

  beforeAll(async () => {
    opened = await open();
    const provider = await ringProvider();
    trail = await trailOn(opened.database, { provider });
    check = checkOn(opened.database, provider);
  });
  afterAll(() => opened.close());

  it('finds nothing wrong with a trail that has not begun', async () => {
    expect(await check.run(await createTenant(opened.database))).toEqual({ checked: 0 });
  });

  it('goes in steps, and finds in them what it finds at once', async () => {
    const tenant = await createTenant(opened.database);
    await trail.record(tenant, ...events(2500));
    const steps: number[] = [];
    let after: number | undefined = 0;
    while (after !== undefined) {
      const verdict = await check.run(tenant, { after, atMost: 700 });
      expect(verdict.fault).toBeUndefined();
      steps.push(verdict.checked);
      after = verdict.next;
    }
    expect(steps).toEqual([1000, 1000, 500]);
    expect((await check.run(tenant, { withinMs: 0 })).next).toBe(0);
    expect((await check.run(tenant, { after: 9_999 })).fault).toMatchObject({ seq: 2501, kind: 'truncated' });
  });

  it('keeps the trails of tenants apart, whatever is recorded meanwhile', async () => {
    const tenants = [await createTenant(opened.database), await createTenant(opened.database)];
    const writing = Promise.all(
      tenants.flatMap((tenant) => Array.from({ length: 20 }, () => trail.record(tenant, ...events(5)))),
    );
    for (const tenant of tenants) expect((await check.run(tenant)).fault).toBeUndefined();
    await writing;
    for (const tenant of tenants) expect(await check.run(tenant)).toMatchObject({ checked: 100 });
  });
});
