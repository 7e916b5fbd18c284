import { type MemberRef, isObject, memberKey, serverId } from '#kernel';
import {
  DuplicateServerError,
  KeyedQueue,
  type ServerChange,
  ServerConflictError,
  ServerRegistry,
  type ServerView,
  UnknownServerError,
} from '#registry';
import { type Principal, actorOf } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { ForeignServerError } from './added.errors.js';
import { optionsOf, refOf } from './server-tools.js';

/** Of one change: another process may have changed the same server meanwhile. Within this one they stand in a queue. */
const TRIES = 20;

/** A server that a management tool keeps for itself. */
export interface AddedServer {
  readonly id: string;
  /** Among its `tags`: says which tool it is from. */
  readonly tag: string;
}

type Config = Readonly<Record<string, unknown>>;

/**
 * Servers that management tools add: ordinary members, so that they are sealed, tried, versioned, recorded and deleted as
 * all others are. What one call has read is what its change is made of: of two at the same time, the second one reads again.
 */
@Injectable()
export class AddedServers {
  private readonly changes = new KeyedQueue();

  constructor(private readonly registry: ServerRegistry) {}

  /**
   * Registers the server, or makes the next version of it.
   *
   * @param configOf the whole configuration but id and tags, made of the one before, in which markers stand for secrets
   * @throws ForeignServerError, and what the registry throws
   */
  async put(by: Principal, added: AddedServer, configOf: (before?: Config) => Config): Promise<ServerChange> {
    const ref = refOf(by, added.id);
    return this.again(ref, async () => {
      const before = await this.find(ref);
      if (before) mustBeOf(before, added);
      const tags = new Set([...tagsOf(before?.config), added.tag]);
      const config = { ...configOf(before?.config), id: added.id, tags: [...tags] };
      if (!before) return this.registry.register(by.tenantId, config, { by: actorOf(by) });
      return this.registry.update(ref, config, { by: actorOf(by), mode: 'replace', ifVersion: before.version });
    });
  }

  /** Makes a former version of it the next one, secrets included. */
  async rollback(by: Principal, added: AddedServer, version: number): Promise<ServerChange> {
    const ref = refOf(by, added.id);
    mustBeOf(await this.registry.get(ref), added);
    return this.again(ref, () => this.registry.restore(ref, version, actorOf(by)));
  }

  /** Changes some keys of any server, as `patchOf` wants them; undefined: nothing. */
  async patch(
    by: Principal,
    id: string,
    patchOf: (config: Config) => Config | undefined,
  ): Promise<ServerChange | undefined> {
    const ref = { tenantId: by.tenantId, serverId: serverId(id) };
    return this.again(ref, async () => {
      const { config, version } = await this.registry.get(ref);
      const patch = patchOf(config);
      return patch && this.registry.update(ref, patch, { ...optionsOf(by), ifVersion: version });
    });
  }

  /** Undefined if there is none. */
  async find(ref: MemberRef): Promise<ServerView | undefined> {
    try {
      return await this.registry.get(ref);
    } catch (error) {
      if (error instanceof UnknownServerError) return undefined;
      throw error;
    }
  }

  private again<T>(ref: MemberRef, attempt: () => Promise<T>): Promise<T> {
    return this.changes.run(memberKey(ref), async () => {
      for (let left = TRIES - 1; left > 0; left--) {
        try {
          return await attempt();
        } catch (error) {
          if (!(error instanceof ServerConflictError || error instanceof DuplicateServerError)) throw error;
        }
      }
      return attempt();
    });
  }
}

function mustBeOf({ config }: ServerView, { id, tag }: AddedServer): void {
  if (!tagsOf(config).includes(tag)) throw new ForeignServerError(id);
}

function tagsOf(config: unknown): readonly string[] {
  return isObject(config) && Array.isArray(config['tags']) ? (config['tags'] as string[]) : [];
}

/** What the id of a server may look like. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** The id of the server for a name that people have chosen: blanks become `_`, as in the original; undefined if it fits none. */
export function idOf(name: string): string | undefined {
  const id = name.trim().replaceAll(/\s+/g, '_');
  return NAME.test(id) ? id : undefined;
}
