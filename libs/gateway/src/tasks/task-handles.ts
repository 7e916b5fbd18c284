import { type ServerId, serverId } from '#kernel';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { slugOf } from '../catalog/selection.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { SessionSeal } from '../sessions/session-seal.js';

/** A task, as far as it takes to find it again. */
export interface RoutedTask {
  readonly serverId: ServerId;
  /** The member's own name of the tool whose call has made it. */
  readonly tool: string;
  /** The member's own id of the task. */
  readonly own: string;
}

type Owner = Pick<McpExchange, 'principal' | 'selection'>;

/** A handle goes into a header of the next request. */
const MAX_OWN = 1_024;

const content = z.strictObject({
  k: z.literal('task'),
  /** Tenant, principal and address: it is worth nothing to anybody else, and nowhere else. */
  t: z.string(),
  p: z.string(),
  a: z.string(),
  s: z.string(),
  n: z.string(),
  i: z.string(),
});

/**
 * The ids by which clients know tasks of members (SEP-2663). A handle is sealed and names whose it is, the member, the tool
 * and the member's own id, so that every replica finds the task and none has to remember it. It is no credential: whoever
 * comes with it is judged anew, and it opens for its own principal at its own address only.
 */
@Injectable()
export class TaskHandles {
  constructor(private readonly seal: SessionSeal) {}

  /** Another one every time. Undefined for an id that no client could come back with. */
  give({ principal, selection }: Owner, { serverId: s, tool: n, own: i }: RoutedTask): string | undefined {
    if (i === '' || i.length > MAX_OWN) return undefined;
    const { tenantId: t, id: p } = principal;
    return this.seal.seal(JSON.stringify({ k: 'task', t, p, a: slugOf(selection), s, n, i }));
  }

  /** Undefined alike for what was not given here and for what was given to somebody else. */
  open({ principal, selection }: Owner, handle: string): RoutedTask | undefined {
    const text = this.seal.open(handle);
    const known = text === undefined ? undefined : content.safeParse(JSON.parse(text)).data;
    if (!known || known.t !== principal.tenantId || known.p !== principal.id) return undefined;
    if (known.a !== slugOf(selection)) return undefined;
    return { serverId: serverId(known.s), tool: known.n, own: known.i };
  }
}
