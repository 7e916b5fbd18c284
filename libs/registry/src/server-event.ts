import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { AuditEvent } from '#audit';
import { type JsonObject, isObject } from '#kernel';
import type { Actor } from '#tenancy';
import type { ServerDraft, StoredServer } from './server-config.store.js';

/** What is done to a server, and by whom. */
export interface ServerDeed {
  readonly verb: 'registered' | 'updated' | 'activated' | 'deactivated' | 'restored' | 'deleted';
  readonly by: Actor;
  /** The places whose secret becomes another one. */
  readonly secrets?: readonly string[];
  /** The former version that becomes the next one. */
  readonly restored?: number;
}

interface Change {
  /** Absent for a new server. */
  readonly before?: StoredServer;
  /** Absent for a deleted one. */
  readonly after?: ServerDraft;
}

/** How a change of a server is told in the trail: as it was and as it is, with the version that it makes or ends. */
export async function serverEvent(
  { verb, by, secrets = [], restored }: ServerDeed,
  { before, after }: Change,
): Promise<AuditEvent> {
  const { ref, version } = (after ?? before)!;
  const [was, is] = [before && (await told(before.config)), after && (await told(after.config))];
  return {
    action: `server.${verb}`,
    actor: by,
    target: `server:${ref.serverId}`,
    ...(was ? { before: was } : {}),
    ...(is ? { after: is } : {}),
    detail: { version, ...(secrets.length > 0 ? { secrets } : {}), ...(restored === undefined ? {} : { restored }) },
  };
}

/** The configuration as it is stored, but for an inline specification, of which the digest is told: it may have megabytes. */
async function told(config: StoredServer['config']): Promise<JsonObject> {
  const { open_api: openApi } = config;
  if (!isObject(openApi) || openApi['spec'] === undefined) return config as JsonObject;
  await setImmediate(); // to write megabytes of text takes a turn of the event loop
  const text = Buffer.from(JSON.stringify(openApi['spec']));
  const spec = { sha256: createHash('sha256').update(text).digest('hex'), bytes: text.length };
  return { ...config, open_api: { ...openApi, spec } };
}
