import { principalId, serverId, tenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { describe, expect, it } from '@jest/globals';
import { EVERYTHING, type Selection } from '../catalog/selection.js';
import { SessionSeal } from '../sessions/session-seal.js';
import { TaskHandles } from './task-handles.js';

/** Not secret, and enough to see what is bound to what. */
class OpenSeal extends SessionSeal {
  override seal(content: string): string {
    return `sealed.${Buffer.from(content).toString('base64url')}`;
  }
  override open(sealed: string): string | undefined {
    return sealed.startsWith('sealed.') ? Buffer.from(sealed.slice(7), 'base64url').toString() : undefined;
  }
}

const task = { serverId: serverId('jobs'), tool: 'slow "compute"', own: '78-7' };
const ownerOf = (tenant = 'acme', id = 'p-1', selection: Selection = EVERYTHING) => ({
  principal: { tenantId: tenantId(tenant), id: principalId(id) } as Principal,
  selection,
});

describe('TaskHandles', () => {
  const seal = new OpenSeal();
  const handles = new TaskHandles(seal);

  it('lead back to the task, at every process that has the key', () => {
    const handle = handles.give(ownerOf(), task)!;
    expect(new TaskHandles(new OpenSeal()).open(ownerOf(), handle)).toEqual(task);
  });

  it('are worth nothing to another tenant or principal, and nothing at another address', () => {
    const handle = handles.give(ownerOf(), task)!;
    const member = { kind: 'member', serverId: serverId('jobs') } as const;
    for (const other of [ownerOf('globex'), ownerOf('acme', 'p-2'), ownerOf('acme', 'p-1', member)])
      expect(handles.open(other, handle)).toBeUndefined();
  });

  it('are nothing that was sealed for something else', () => {
    const others = [{ t: 'acme', p: 'p-1', s: '', v: '2025-11-25' }, { k: 'consent', t: 'acme', p: 'p-1', a: '' }, 7];
    for (const other of others) expect(handles.open(ownerOf(), seal.seal(JSON.stringify(other)))).toBeUndefined();
    expect(handles.open(ownerOf(), 'tasks-nobody-has-given')).toBeUndefined();
  });

  it('are given for no id that would not fit into a header', () => {
    for (const own of ['', 'x'.repeat(1_025)]) expect(handles.give(ownerOf(), { ...task, own })).toBeUndefined();
  });
});
