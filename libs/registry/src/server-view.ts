import type { ServerId } from '#kernel';
import type { StoredServer } from './server-config.store.js';

/** A server as everybody may see it: secrets are markers. */
export interface ServerView {
  readonly id: ServerId;
  readonly config: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A configuration as it was at some time, secrets as markers. */
export type ServerVersion = Pick<ServerView, 'config' | 'version' | 'createdAt'>;

export function viewOf({ ref, config, version, createdAt, updatedAt }: StoredServer): ServerView {
  return { id: ref.serverId, config, version, createdAt, updatedAt };
}
