import { isObject } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { AddedServers } from './added-servers.js';
import type { ManagementTool, ToolAnswer } from './management-tool.js';
import { NameSwitch, listed } from './name-switch.js';
import { type OfferedThing, OfferedNames } from './offered-names.js';

const name = z.string().min(1, 'is empty').max(256);
const serverId = name.describe('The id of the server');
const switched = z.strictObject({
  tools: z
    .array(name)
    .min(1, 'is empty')
    .max(1_000)
    .describe('Full names, <server>_<tool>; with server_id also own names'),
  server_id: serverId.optional(),
});
const described = z.strictObject({ tool: name, description: z.string().min(1).max(4096), server_id: serverId });

/** Looks at the tools of members, and chooses among them. */
@Injectable()
export class OverlayTools {
  constructor(
    private readonly names: OfferedNames,
    private readonly toggle: NameSwitch,
    private readonly servers: AddedServers,
  ) {}

  all(): readonly ManagementTool[] {
    return [
      this.byName(),
      this.byServer(),
      this.disable(),
      this.enable(),
      this.describe(),
      this.filter(),
    ] as ManagementTool[];
  }

  private byName(): ManagementTool<{ tool_name: string }> {
    return {
      name: 'get_tool_config_by_name',
      description: 'The definition of a tool of a member server, by its full name.',
      arguments: z.strictObject({ tool_name: name }),
      readOnly: true,
      run: async ({ tenantId }, { tool_name }) => {
        const [found] = this.names.named(this.names.all(tenantId, 'tools'), [tool_name]);
        if (!found) throw unknown('tool_name', [tool_name]);
        return { data: found.definition };
      },
    };
  }

  private byServer(): ManagementTool<{ server_id: string }> {
    return {
      name: 'get_tool_config_by_server',
      description: 'The tools of a member server, disabled ones among them.',
      arguments: z.strictObject({ server_id: serverId }),
      readOnly: true,
      run: async ({ tenantId }, { server_id }) => ({
        data: this.names.all(tenantId, 'tools', server_id).map(summaryOf),
      }),
    };
  }

  private disable(): ManagementTool<z.infer<typeof switched>> {
    return {
      name: 'disable_tools',
      description: 'Take tools of member servers off: they are neither listed nor called until they are enabled.',
      arguments: switched,
      run: async (by, args) => ({ text: `Successfully disabled tools: ${listed(await this.set(by, args, false))}` }),
    };
  }

  private enable(): ManagementTool<z.infer<typeof switched>> {
    return {
      name: 'enable_tools',
      description: 'List and call tools again that were disabled.',
      arguments: switched,
      run: async (by, args) => ({ text: `Enabled ${listed(await this.set(by, args, true))} tools from composer` }),
    };
  }

  private describe(): ManagementTool<z.infer<typeof described>> {
    return {
      name: 'update_tool_description',
      description: 'Describe a tool of a member server to clients in other words than its own.',
      arguments: described,
      run: async (by, { tool, description, server_id }): Promise<ToolAnswer> => {
        const [found] = this.names.named(this.names.all(by.tenantId, 'tools', server_id), [tool], server_id);
        if (!found) throw unknown('tool', [tool]);
        await this.servers.patch(by, server_id, () => ({ tools_description: { [found.fullName]: description } }));
        return { text: `Updated ${tool} with description: ${description}` };
      },
    };
  }

  private filter(): ManagementTool<{ keyword: string }> {
    return {
      name: 'filter_tool',
      description: 'The tools of member servers whose name or description holds a word.',
      arguments: z.strictObject({ keyword: name }),
      readOnly: true,
      run: async ({ tenantId }, { keyword }) => {
        const word = keyword.toLowerCase();
        const all = this.names.all(tenantId, 'tools').filter(({ isDisabled }) => !isDisabled);
        return { data: all.filter((tool) => textOf(tool).includes(word)).map(summaryOf) };
      },
    };
  }

  /** All of them or none: a name that means nothing is a mistake. */
  private async set(
    by: Principal,
    { tools, server_id }: z.infer<typeof switched>,
    isOn: boolean,
  ): Promise<readonly string[]> {
    const all = this.names.all(by.tenantId, 'tools', server_id);
    const things = this.names.named(all, tools, server_id);
    const found = new Set(
      things.flatMap(({ own, fullName }) => (server_id === undefined ? [fullName] : [fullName, own])),
    );
    const missing = tools.filter((tool) => !found.has(tool));
    if (missing.length > 0) throw unknown('tools', missing);
    await this.toggle.set(by, 'tools', { things, isOn });
    return tools;
  }
}

function summaryOf({ definition }: OfferedThing): object {
  const { name: full, description = '', inputSchema } = definition;
  return { name: full, description, parameters: isObject(inputSchema) ? inputSchema : {} };
}

const textOf = ({ definition }: OfferedThing): string =>
  `${String(definition['name'])} ${typeof definition['description'] === 'string' ? definition['description'] : ''}`.toLowerCase();

const unknown = (path: string, names: readonly string[]): InvalidArgumentsError =>
  new InvalidArgumentsError(
    names.slice(0, 20).map((one) => ({ path, message: `names "${one.slice(0, 128)}", which no member server offers` })),
  );
