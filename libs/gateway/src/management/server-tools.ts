import { MemberPool } from '#builder';
import { type MemberRef, serverId } from '#kernel';
import { type ChangeOptions, type ServerChange, ServerRegistry, type ServerView, leftText } from '#registry';
import { type Principal, actorOf, holdsAny } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { ManagementTool, ToolAnswer } from './management-tool.js';
import { healthOf } from './member-health.js';

const serverIdArgument = z.strictObject({ server_id: z.string().min(1).describe('The id of the server') });
const nothing = z.strictObject({});
const config = z
  .record(z.string(), z.unknown())
  .describe('A server configuration: id, type, endpoint or open_api, auth_strategy, auth, …');
const update = z.strictObject({
  server_id: z.string().min(1).describe('The id of the server'),
  new_config: config.describe('What is to change; null removes a key'),
  mode: z.enum(['merge', 'replace']).default('merge').describe('"replace" takes new_config as the whole configuration'),
});
type Update = z.infer<typeof update>;
type ServerIdArgument = z.infer<typeof serverIdArgument>;

/** Management of member servers over MCP. */
@Injectable()
export class ServerTools {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly pool: MemberPool,
  ) {}

  all(): readonly ManagementTool[] {
    return [
      this.register(),
      this.update(),
      this.remove(),
      this.activate(),
      this.deactivate(),
      this.list(),
      this.health(),
    ] as ManagementTool[];
  }

  private register(): ManagementTool<{ config: Record<string, unknown> }> {
    return {
      name: 'register_mcp_server',
      description:
        'Register a member server from its configuration. It is built and tried, stored, and serves from then on.',
      arguments: z.strictObject({ config }),
      run: async (by, { config }) => {
        const change = await this.registry.register(by.tenantId, config, optionsOf(by));
        return changed(`Server '${change.server.id}' mounted successfully.`, change);
      },
    };
  }

  private update(): ManagementTool<Update> {
    return {
      name: 'update_mcp_server_config',
      description:
        'Change the configuration of a member server. The new one is tried before the old one stops serving.',
      arguments: update,
      run: async (by, { server_id, new_config, mode }) => {
        const change = await this.registry.update(refOf(by, server_id), new_config, {
          mode,
          ...optionsOf(by),
        });
        return changed(`Server '${server_id}' updated successfully.`, change);
      },
    };
  }

  private remove(): ManagementTool<ServerIdArgument> {
    return {
      name: 'delete_mcp_server',
      description: 'Delete a member server, its credential and its tools.',
      arguments: serverIdArgument,
      destructive: true,
      run: async (by, { server_id }) => {
        const left = leftText(await this.registry.remove(refOf(by, server_id), actorOf(by)));
        return { text: `Server '${server_id}' unmounted successfully.${left && ` Note: ${left}.`}` };
      },
    };
  }

  private activate(): ManagementTool<ServerIdArgument> {
    return {
      name: 'activate_mcp_server',
      description: 'Let a deactivated member server serve again.',
      arguments: serverIdArgument,
      run: async (by, { server_id }) =>
        changed(
          `Server '${server_id}' activated`,
          await this.registry.setStatus(refOf(by, server_id), 'active', actorOf(by)),
        ),
    };
  }

  private deactivate(): ManagementTool<ServerIdArgument> {
    return {
      name: 'deactivate_mcp_server',
      description: 'Keep a member server and its configuration, but let it serve no more.',
      arguments: serverIdArgument,
      run: async (by, { server_id }) =>
        changed(
          `Server '${server_id}' deactivated.`,
          await this.registry.setStatus(refOf(by, server_id), 'deactivated', actorOf(by)),
        ),
    };
  }

  private list(): ManagementTool<object> {
    return {
      name: 'list_servers',
      aliases: ['list_member_servers'],
      description: 'List the member servers, active and deactivated.',
      arguments: nothing,
      readOnly: true,
      run: async ({ tenantId }) => ({ data: (await this.registry.list(tenantId)).map(listed) }),
    };
  }

  private health(): ManagementTool<object> {
    return {
      name: 'member_health',
      description: 'Ask every active member server whether it works. Takes a few seconds at most.',
      arguments: nothing,
      readOnly: true,
      run: async ({ tenantId }) => {
        const slots = this.pool.members(tenantId);
        return { data: await Promise.all(slots.map((slot) => healthOf(this.pool, slot))) };
      },
    };
  }
}

function listed({ id, config }: ServerView): object {
  const { type, endpoint, open_api, status, label, tags } = config as Record<string, unknown>;
  const address = endpoint ?? (open_api as { endpoint?: unknown } | undefined)?.endpoint ?? 'N/A';
  return { id, type, server_name: `proxy_${id}`, endpoint: address, status, label, tags };
}

/** What a change did, in words: that it was made, what is wrong with it, and what was read differently. */
export function changed(text: string, { server, warnings, problem }: ServerChange): ToolAnswer {
  const next = server.needsReentry.length > 0 ? '' : ' It is tried again by itself.';
  const trouble = problem === undefined ? '' : ` It does not work yet: ${problem}.${next}`;
  const notes = warnings.length === 0 ? '' : ` Note: ${warnings.join('; ')}.`;
  return { text: text + trouble + notes };
}

export function refOf({ tenantId }: Principal, id: string): MemberRef {
  return { tenantId, serverId: serverId(id) };
}

export const optionsOf = (by: Principal): ChangeOptions => ({
  by: actorOf(by),
  mayReadFiles: holdsAny(by, ['operator']),
});
