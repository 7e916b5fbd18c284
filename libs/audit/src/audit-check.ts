import type { KeyObject } from 'node:crypto';
import type { TenantId } from '#kernel';
import { KeyWrapper } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditAnchor } from './audit-event.js';
import { AUDIT_FAULTS, type AuditFault, type AuditFaultKind } from './audit-fault.js';
import { CHAIN_KEY, NO_HASH, linkHash } from './audit-hash.js';
import { type AuditRow, columnsOf } from './audit-row.js';
import { AuditStore, type Place } from './audit-store.js';

const PAGE = 1000;

export interface AuditCheckOptions {
  /** Goes on behind this event, which an earlier check has reached. */
  readonly after?: number;
  /** How many events are looked at, about: a check ends between pages. */
  readonly atMost?: number;
  /** How long it goes on, in milliseconds, about. */
  readonly withinMs?: number;
  /** What was written down elsewhere when the trail had come so far. */
  readonly anchor?: AuditAnchor | undefined;
}

export interface AuditVerdict {
  /** How many events were looked at and found to be good. */
  readonly checked: number;
  /** Where the trail says that it ends; absent if it has not begun. */
  readonly head?: AuditAnchor;
  /** The first fault. What follows it was not looked at. */
  readonly fault?: AuditFault;
  /** Behind which event to go on; absent if the check has come to the end, or to a fault. */
  readonly next?: number;
}

interface Chain {
  readonly key: KeyObject;
  readonly head: AuditAnchor;
  /** The last number that there is, which ought to be that of the head. */
  readonly last: number;
}

/**
 * Finds tampering: follows the chain of a tenant from event to event and names the first one that is not what was
 * written. Reads a page at a time; what is recorded while it goes on is left to the next check.
 *
 * That the newest events were taken away and the head was put back cannot be seen from the database alone: an anchor
 * that was kept elsewhere shows it.
 */
@Injectable()
export class AuditCheck {
  constructor(
    private readonly store: AuditStore,
    private readonly wrapper: KeyWrapper,
  ) {}

  async run(tenant: TenantId, options: AuditCheckOptions = {}): Promise<AuditVerdict> {
    const { after = 0, atMost = Infinity, withinMs = Infinity, anchor } = options;
    const chain = await this.chain(tenant, anchor);
    if ('verdict' in chain) return chain.verdict;
    const { head } = chain;
    const end = performance.now() + withinMs;
    if (after > head.seq) return { checked: 0, head, fault: faultAt(head.seq + 1, 'truncated') };
    const start = await this.placeOf(tenant, after);
    if (!start) return { checked: 0, head, fault: faultAt(after, 'missing') };
    let place = start;
    while (place.seq < head.seq) {
      if (place.seq - after >= atMost || performance.now() >= end) {
        return { checked: place.seq - after, head, next: place.seq };
      }
      const rows = await this.rows(tenant, place.seq, head.seq);
      if (rows.length === 0) return { checked: place.seq - after, head, fault: faultAt(place.seq + 1, 'truncated') };
      for (const row of rows) {
        const fault = await this.faultOf(tenant, { row, place, chain, anchor });
        if (fault) return { checked: place.seq - after, head, fault };
        place = row;
      }
    }
    const fault = endFault(chain, place, anchor);
    return { checked: place.seq - after, head, ...(fault ? { fault } : {}) };
  }

  /** The head and the last event, of one and the same moment. */
  private async chain(tenant: TenantId, anchor?: AuditAnchor): Promise<Chain | { verdict: AuditVerdict }> {
    const { head: stored, last } = await this.store.standing(tenant);
    if (!stored) {
      const isEmpty = last === 0 && anchor === undefined;
      return { verdict: { checked: 0, ...(isEmpty ? {} : { fault: faultAt(1, 'head') }) } };
    }
    const head = { seq: stored.seq, hash: stored.hash.toString('hex') };
    try {
      return { key: await this.wrapper.open(tenant, CHAIN_KEY, stored.key), head, last };
    } catch {
      return { verdict: { checked: 0, head, fault: faultAt(1, 'key') } };
    }
  }

  private async placeOf(tenant: TenantId, seq: number): Promise<Place | undefined> {
    if (seq === 0) return { seq: 0, hash: NO_HASH };
    return (await this.rows(tenant, seq - 1, seq))[0];
  }

  private async rows(tenant: TenantId, after: number, upTo: number): Promise<readonly AuditRow[]> {
    const { rows } = await this.store.page(tenant, { order: 'oldest', cursor: after, until: upTo, limit: PAGE });
    return rows;
  }

  private async faultOf(
    tenantId: TenantId,
    { row, place, chain, anchor }: { row: AuditRow; place: Place; chain: Chain; anchor: AuditAnchor | undefined },
  ): Promise<AuditFault | undefined> {
    const seq = place.seq + 1;
    if (row.seq !== seq) return faultAt(seq, 'missing');
    const computed = linkHash(chain.key, place.hash, { tenantId, seq, body: row.body });
    if (!computed.equals(row.hash)) return faultAt(seq, await this.kindOf(tenantId, { row, computed, chain }));
    const column = alteredColumn(row);
    if (column !== undefined) return faultAt(seq, 'column', column);
    if (anchor?.seq === seq && anchor.hash !== row.hash.toString('hex')) return faultAt(seq, 'anchor');
    return undefined;
  }

  /** What follows tells which half of a row is the one that was written: its hash, its text, or neither. */
  private async kindOf(
    tenantId: TenantId,
    { row, computed, chain }: { row: AuditRow; computed: Buffer; chain: Chain },
  ): Promise<AuditFaultKind> {
    const { key, head } = chain;
    if (row.seq === head.seq) {
      if (row.hash.toString('hex') === head.hash) return 'body';
      return computed.toString('hex') === head.hash ? 'hash' : 'foreign';
    }
    const [next] = await this.rows(tenantId, row.seq, row.seq + 1);
    if (!next) return 'foreign';
    const follows = (hash: Buffer) => linkHash(key, hash, { tenantId, ...next }).equals(next.hash);
    if (follows(row.hash)) return 'body';
    return follows(computed) ? 'hash' : 'foreign';
  }
}

/** What is only seen when everything before was good. */
function endFault({ head, last }: Chain, place: Place, anchor?: AuditAnchor): AuditFault | undefined {
  if (place.hash.toString('hex') !== head.hash) return faultAt(head.seq, 'head');
  if (last > head.seq) return faultAt(head.seq + 1, 'foreign');
  if (anchor && anchor.seq > head.seq) return faultAt(head.seq + 1, 'truncated');
  return undefined;
}

/** The first column that does not repeat what the body says. */
function alteredColumn({ body, at, ...columns }: AuditRow): string | undefined {
  const event = JSON.parse(body) as Parameters<typeof columnsOf>[0] & { readonly at: string };
  if (at !== event.at.replace('Z', '000Z')) return 'at';
  const told = columnsOf(event);
  return (['action', 'actor', 'target'] as const).find((name) => told[name] !== columns[name]);
}

function faultAt(seq: number, kind: AuditFaultKind, column?: string): AuditFault {
  return { seq, kind, ...(column === undefined ? {} : { column }), message: AUDIT_FAULTS[kind] };
}
