import { type Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { curlConfig } from '../curl/curl-config.js';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { AddedServers, idOf } from './added-servers.js';
import { ScriptRefusedError } from './added.errors.js';
import type { ManagementTool, ToolAnswer } from './management-tool.js';
import { changed } from './server-tools.js';
import { versionArgument } from './version-argument.js';

const TAG = 'curl-tool';
/** A service that is called by single requests is asked now and then whether it is there. */
const CHECK_SECONDS = 300;

const toolConfig = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, 'is empty')
    .max(64)
    .describe('Of the tool, and of its server: letters, digits, "_" and "-"'),
  description: z.string().trim().min(1, 'is empty: a model chooses by it').max(4096),
  tool_type: z.string().max(32).optional().describe('"curl"'),
  curl_config: z
    .strictObject({
      value: z
        .string()
        .min(1, 'is empty')
        .describe('The command; {{name}} in path, query, header or body is an argument'),
    })
    .optional(),
  permission: z
    .unknown()
    .optional()
    .describe('{"roles": ["…"]}: who may call it; else as before, at first everybody of the tenant'),
  enabled: z.boolean().default(true),
  script_config: z.unknown().optional().describe('Refused: scripts are not carried out'),
  openapi_config: z.unknown().optional().describe('Refused: there is add_tools_from_openapi'),
});
type ToolConfig = z.infer<typeof toolConfig>;

const rollback = z.strictObject({ name: z.string().min(1).describe('Of the tool'), version: versionArgument });

/** Tools that are curl commands: each is a local server with one tool. */
@Injectable()
export class CurlTools {
  constructor(private readonly servers: AddedServers) {}

  all(): readonly ManagementTool[] {
    return [this.add(), this.rollback(), this.refuseScripts()] as ManagementTool[];
  }

  private add(): ManagementTool<{ tool_config: ToolConfig }> {
    return {
      name: 'add_tools_from_curl',
      aliases: ['add_tools'],
      description:
        'Add a tool that sends the request of a curl command, or a new version of it. {{name}} in its path, query, headers or body becomes an argument; credentials in the command are sealed.',
      arguments: z.strictObject({ tool_config: toolConfig }),
      run: (by, args) => this.put(by, args.tool_config),
    };
  }

  private rollback(): ManagementTool<z.infer<typeof rollback>> {
    return {
      name: 'rollback_curl_tool_version',
      description: 'Let a former version of a tool that was added from a curl command serve again.',
      arguments: rollback,
      run: async (by, { name, version }) => {
        const id = idOf(name) ?? name;
        const change = await this.servers.rollback(by, { id, tag: TAG }, version);
        return changed(
          `Rolled back '${name}' to version ${version}, which is version ${change.server.version} now.`,
          change,
        );
      },
    };
  }

  private refuseScripts(): ManagementTool<object> {
    return {
      name: 'add_tools_from_python',
      description: 'Python scripts are not carried out; says how their functions become tools instead.',
      arguments: z.strictObject({ tool_config: z.record(z.string(), z.unknown()) }),
      run: async () => {
        throw new ScriptRefusedError();
      },
    };
  }

  private async put(by: Principal, tool: ToolConfig): Promise<ToolAnswer> {
    const command = commandOf(tool);
    const id = idOf(tool.name);
    if (!id) throw refused('name', 'must be letters, digits, "_" and "-", and begin with a letter or digit');
    const roles = rolesIn(tool.permission);
    const { request, endpoint, headers, auth_strategy, auth, timeout, notes } = curlConfig(command);
    const change = await this.servers.put(by, { id, tag: TAG }, (before = {}) => ({
      health_check: { enabled: true, interval: CHECK_SECONDS },
      ...before,
      type: 'local',
      status: tool.enabled ? 'active' : 'deactivated',
      endpoint,
      tools: [{ name: id, description: tool.description, ...request }],
      headers,
      auth_strategy,
      auth,
      ...(timeout === undefined ? {} : { timeout }),
      // Who says nothing of it opens nothing.
      ...(roles ? { tool_permissions: { [id]: roles } } : {}),
    }));
    const { version } = change.server;
    const text = `Successfully added tools: '${id}_${id}', version ${version} of server '${id}'.`;
    return changed(text, { ...change, warnings: [...notes, ...change.warnings] });
  }
}

function commandOf({ tool_type = 'curl', curl_config, script_config, openapi_config }: ToolConfig): string {
  const type = tool_type.toLowerCase();
  if (['script', 'python'].includes(type) || script_config !== undefined) throw new ScriptRefusedError();
  if (type === 'openapi' || openapi_config !== undefined) {
    throw refused('tool_type', 'is not for this tool: give the document to add_tools_from_openapi');
  }
  if (type !== 'curl') throw refused('tool_type', 'must be "curl"');
  if (!curl_config) throw refused('curl_config', 'is missing: {"value": "curl …"}');
  return curl_config.value;
}

/** The original keeps permissions in any form and enforces none; what names no roles must not be open to everybody. */
function rolesIn(permission: unknown): readonly string[] | undefined {
  const isNothing = permission === undefined || permission === null || JSON.stringify(permission) === '{}';
  if (isNothing) return undefined;
  const roles = z.array(z.string().min(1).max(64)).min(1).max(64);
  const known = z.union([
    roles,
    z.strictObject({ roles }).transform((one) => one.roles),
    z.strictObject({ role: z.string().min(1).max(64) }).transform(({ role }) => [role]),
  ]);
  const read = known.safeParse(permission);
  if (!read.success) throw refused('permission', 'names no roles: {"roles": ["…"]}');
  return read.data;
}

const refused = (key: string, message: string): InvalidArgumentsError =>
  new InvalidArgumentsError([{ path: `tool_config.${key}`, message }]);
