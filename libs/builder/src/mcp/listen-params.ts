import { OWN_META } from './own-meta.js';

/** What is listened for. */
export interface Wanted {
  /** Lists that change. */
  readonly lists: boolean;
  readonly uris: ReadonlySet<string>;
}

/** 2026-07-28, subscriptions. */
export const LISTEN = 'subscriptions/listen';

/** What the composer asks a member of the modern era to tell it of. */
export function listenParams({ lists, uris }: Wanted): Record<string, unknown> {
  const notifications = {
    ...(lists ? { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } : {}),
    ...(uris.size > 0 ? { resourceSubscriptions: [...uris] } : {}),
  };
  return { _meta: OWN_META, notifications };
}
