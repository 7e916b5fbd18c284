import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Log, SecretValues } from '#observability';
import { CLI } from '#tenancy';
import { type OpenTrail, describeOnEveryTrail } from '../testing/every-trail.js';
import { AuditAnchors } from './audit-anchors.js';

describeOnEveryTrail('AuditAnchors', (open) => {
  let opened: OpenTrail;
  beforeAll(async () => void (opened = await open()));
  afterAll(() => opened.close());

  it('writes a line for each trail that has grown, which the check takes', async () => {
    const { trail, check } = opened;
    const lines: string[] = [];
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    const anchors = new AuditAnchors(opened.store, log);
    const [one, two] = [await opened.createTenant(), await opened.createTenant()];
    const told = () =>
      lines.splice(0).map((line) => JSON.parse(line) as { msg: string; tenant: string; seq: number; hash: string });
    const event = { action: 'tool.called', actor: CLI };

    await anchors.write();
    expect(told()).toEqual([]);
    await trail.record(one, event);
    await trail.record(two, event, event);
    await anchors.write();
    const written = told();
    expect(new Map(written.map(({ tenant, seq }) => [tenant, seq]))).toEqual(
      new Map([
        [one, 1],
        [two, 2],
      ]),
    );
    expect(written.every(({ msg }) => msg === 'audit anchor')).toBe(true);
    await trail.record(two, event);
    await anchors.write();
    expect(told()).toMatchObject([{ tenant: two, seq: 3 }]);
    await anchors.write();
    expect(told()).toEqual([]);

    const { seq, hash } = written.find(({ tenant }) => tenant === two)!;
    expect(await check.run(two, { anchor: { seq, hash } })).toMatchObject({ checked: 3 });
    expect((await check.run(one, { anchor: { seq, hash } })).fault).toMatchObject({ seq: 2, kind: 'truncated' });
  });
});
