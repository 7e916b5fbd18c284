import type { MemberPool } from '#builder';
import { tenantId } from '#kernel';
import type { NamingGate, VirtualServer, VirtualServers } from '#registry';
import { describe, expect, it } from '@jest/globals';
import { NameJudge } from './name-judge.js';
import type { ToolCatalog } from './tool-catalog.js';

const acme = tenantId('acme');
const server: VirtualServer = { slug: 'desk', label: '', servers: ['*'], naming: 'none' };

describe('NameJudge', () => {
  it('names both owners of every name that collides, once the members are there', async () => {
    const done: string[] = [];
    let gate: NamingGate | undefined;
    const judge = new NameJudge(
      { useGate: (one: NamingGate) => (gate = one) } as unknown as VirtualServers,
      { load: async () => void done.push('load') } as unknown as MemberPool,
      {
        collisions: () => {
          done.push('look');
          return [{ name: 'find', owners: ['crm', 'erp'] }];
        },
      } as unknown as ToolCatalog,
    );
    judge.onModuleInit();
    expect(gate).toBe(judge);
    const message = 'would give "find" to a tool of "crm" and to one of "erp"';
    expect(await judge.faultsOf(acme, server)).toEqual([{ path: 'naming', message }]);
    expect(await judge.faultsOf(acme, { ...server, naming: 'custom' })).toEqual([{ path: 'names', message }]);
    expect(done.slice(0, 2)).toEqual(['load', 'look']);
  });
});
