import type { ServerId } from '#kernel';
import type { VirtualServer } from '#registry';

/** Which part of a tenant's tools an address offers. */
export type Selection =
  | { readonly kind: 'everything' }
  | { readonly kind: 'virtual'; readonly server: VirtualServer }
  /** One member, its tools under their own names. */
  | { readonly kind: 'member'; readonly serverId: ServerId };

export const EVERYTHING: Selection = { kind: 'everything' };

/** The last part of the address; empty for everything. */
export function slugOf(selection: Selection): string {
  if (selection.kind === 'everything') return '';
  return selection.kind === 'virtual' ? selection.server.slug : selection.serverId;
}
