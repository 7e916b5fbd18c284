import type { AuthAdapter } from '#auth';
import type { ServerId } from '#kernel';
import { dotted, voidPlaces } from './server-config-secrets.js';
import type { StoredServer } from './server-config.store.js';

/** A server as everybody may see it: secrets are markers. */
export interface ServerView {
  readonly id: ServerId;
  readonly config: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Settings whose secret is void, as paths: the server is not called until they are entered again. */
  readonly needsReentry: readonly string[];
}

/** A configuration as it was at some time, secrets as markers. */
export type ServerVersion = Pick<ServerView, 'config' | 'version' | 'createdAt'>;

export function viewOf({ ref, config, version, createdAt, updatedAt }: StoredServer, auth: AuthAdapter): ServerView {
  const needsReentry = voidPlaces(config, auth).map(dotted);
  return { id: ref.serverId, config, version, createdAt, updatedAt, needsReentry };
}
