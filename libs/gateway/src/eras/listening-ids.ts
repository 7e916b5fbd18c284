import { createHash } from 'node:crypto';
import type { ListKind } from '#builder';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogView, ListName } from '../catalog/catalog-view.js';
import type { Selection } from '../catalog/selection.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { EventIds, type EventMark } from '../sessions/event-ids.js';

const LISTS: readonly (readonly [ListKind, readonly ListName[]])[] = [
  ['tools', ['tools']],
  ['prompts', ['prompts']],
  ['resources', ['resources', 'resourceTemplates']],
];
/** Enough to tell two states of a list apart. */
const DIGEST_LENGTH = 8;

/**
 * Ids on the stream that a legacy client keeps open. They say what the lists were like, so that whoever comes back with
 * one, to any replica and however late, is told of those that are different now.
 */
@Injectable()
export class ListeningIds {
  private readonly known = new WeakMap<CatalogView, string>();

  constructor(
    private readonly ids: EventIds,
    private readonly catalog: ToolCatalog,
  ) {}

  /** What an id says; undefined for everything that was not given out in this session. */
  read(id: string, sessionId: string): EventMark | undefined {
    return this.ids.read(id, sessionId);
  }

  /** What makes the ids of a stream. */
  of(sessionId: string, selection: Selection): (principal: Principal) => string {
    const prefix = this.ids.ofListening(sessionId);
    return (principal) => prefix + this.digests(principal, selection);
  }

  /** The lists that are different from what the client has seen. */
  changedSince(seen: string, principal: Principal, selection: Selection): readonly ListKind[] {
    const now = this.digests(principal, selection);
    const at = (digests: string, index: number): string =>
      digests.slice(index * DIGEST_LENGTH, (index + 1) * DIGEST_LENGTH);
    return LISTS.flatMap(([kind], index) => (at(seen, index) === at(now, index) ? [] : [kind]));
  }

  private digests(principal: Principal, selection: Selection): string {
    const view = this.catalog.viewFor(principal, selection);
    let digests = this.known.get(view);
    if (digests === undefined) {
      digests = LISTS.map(([, names]) => digestOf(view, names)).join('');
      this.known.set(view, digests);
    }
    return digests;
  }
}

function digestOf(view: CatalogView, names: readonly ListName[]): string {
  const hash = createHash('sha256');
  for (const name of names) for (const { definition } of view[name].entries) hash.update(definition).update('\n');
  return hash.digest('base64url').slice(0, DIGEST_LENGTH);
}
