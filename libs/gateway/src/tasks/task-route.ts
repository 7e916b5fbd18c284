import type { CatalogEntry } from '../catalog/catalog-entry.js';
import type { CatalogView } from '../catalog/catalog-view.js';
import type { MemberSlot } from '#builder';
import type { RoutedTask } from './task-handles.js';

/** Where a task is: at the member of the tool that has made it. */
export interface TaskRoute {
  readonly slot: MemberSlot;
  /** Of the tool, as permissions mean it. */
  readonly fullName: string;
}

const tools = new WeakMap<CatalogView, ReadonlyMap<string, TaskRoute>>();

/** A task is there for whoever may still call the tool that has made it, and for nobody else. */
export function taskRouteOf(view: CatalogView, { serverId, tool }: RoutedTask): TaskRoute | undefined {
  let known = tools.get(view);
  if (!known) {
    known = new Map(view.tools.entries.flatMap((entry) => routeOf(entry)));
    tools.set(view, known);
  }
  return known.get(keyOf(serverId, tool));
}

function routeOf({ target, fullName }: CatalogEntry): readonly (readonly [string, TaskRoute])[] {
  if (!('slot' in target)) return [];
  return [[keyOf(target.slot.ref.serverId, target.own), { slot: target.slot, fullName }]];
}

/** Ids of servers have no blanks. */
const keyOf = (server: string, tool: string): string => `${server} ${tool}`;
