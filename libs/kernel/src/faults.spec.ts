import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { faultsOf } from './faults.js';

const schema = z.strictObject({
  id: z.string(),
  tags: z.array(z.string()),
  auth: z.strictObject({ token: z.string() }),
});
const issuesOf = (input: unknown) => schema.safeParse(input).error!.issues;

describe('faultsOf', () => {
  it('names the place of every fault, list indexes included', () => {
    const faults = faultsOf(issuesOf({ id: 1, tags: ['a', 2], auth: { token: null } }));
    expect(faults.map(({ path }) => path)).toEqual(['id', 'tags.1', 'auth.token']);
  });

  it('makes one fault of every unknown key', () => {
    expect(faultsOf(issuesOf({ id: 'a', tags: [], auth: { token: 't', tokn: 1, extra: 2 } }))).toEqual([
      { path: 'auth.tokn', message: 'is not known here' },
      { path: 'auth.extra', message: 'is not known here' },
    ]);
  });

  it('says in plain words what is missing, and what may stand there', () => {
    const choice = z.object({ kind: z.enum(['one', 'two']), id: z.string() });
    expect(faultsOf(choice.safeParse({ kind: 'three' }).error!.issues)).toEqual([
      { path: 'kind', message: 'must be one of one, two' },
      { path: 'id', message: 'is missing' },
    ]);
  });

  it('says what is wrong with a key', () => {
    const key = z.string().refine((name) => name !== 'host', 'is not for you');
    const records = z.object({
      one: z.record(key, z.string()),
      two: z.record(z.union([z.literal('a'), key]), z.string()),
    });
    const faults = faultsOf(records.safeParse({ one: { host: 'x' }, two: { host: 'x' } }).error!.issues);
    expect(faults).toEqual([
      { path: 'one.host', message: 'is not for you' },
      { path: 'two.host', message: 'is not for you' },
    ]);
  });

  it('says of alternatives whether there is nothing, or nothing that fits', () => {
    const either = z.object({ one: z.union([z.string(), z.array(z.string())]) });
    expect(faultsOf(either.safeParse({}).error!.issues)).toEqual([{ path: 'one', message: 'is missing' }]);
    expect(faultsOf(either.safeParse({ one: 1 }).error!.issues)).toEqual([
      { path: 'one', message: 'has none of the forms that it may have' },
    ]);
  });

  it('puts the place of the whole input before each path', () => {
    expect(faultsOf(issuesOf({ tags: [], auth: { token: 't' } }), ['servers', 3])).toMatchObject([
      { path: 'servers.3.id' },
    ]);
  });

  it('repeats no value', () => {
    const text = JSON.stringify(faultsOf(issuesOf({ id: 987_654, tags: 'hunter2', auth: { token: ['hunter2'] } })));
    expect(text).not.toMatch(/hunter2|987654/);
  });
});
