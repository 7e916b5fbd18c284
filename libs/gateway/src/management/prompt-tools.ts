import { isObject } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AddedServers } from './added-servers.js';
import type { ManagementTool } from './management-tool.js';
import { NameSwitch, listed } from './name-switch.js';
import { type OfferedThing, OfferedNames } from './offered-names.js';
import { refOf } from './server-tools.js';

/** The server of the prompts that are added by tools. */
const OWN = { id: 'prompts', tag: 'composer-prompts' };
type Prompt = Readonly<Record<string, unknown>>;

const name = z.string().min(1, 'is empty').max(256);
const prompt = z.record(z.string(), z.unknown());
const switched = z.strictObject({
  prompts: z.array(name).min(1, 'is empty').max(500).describe('Own or full names'),
  server_id: name.describe('The id of the server'),
});
const filter = z.strictObject({
  name: z.string().max(256).optional(),
  description: z.string().max(256).optional(),
  tags: z.array(z.string().max(64)).optional(),
});

/** Looks at the prompts of members, chooses among them, and keeps a tenant's own ones in a local server. */
@Injectable()
export class PromptTools {
  constructor(
    private readonly names: OfferedNames,
    private readonly toggle: NameSwitch,
    private readonly servers: AddedServers,
  ) {}

  all(): readonly ManagementTool[] {
    return [
      this.add(),
      this.list(),
      this.ofServer(),
      this.filter(),
      this.disable(),
      this.enable(),
      this.remove(),
    ] as ManagementTool[];
  }

  private add(): ManagementTool<{ prompt_config: Prompt | readonly Prompt[] }> {
    return {
      name: 'add_prompts',
      description: `Add prompts, or new versions of them: name, description, template with {argument}, arguments. They are served as ${OWN.id}_<name>.`,
      arguments: z.strictObject({ prompt_config: z.union([z.array(prompt).min(1, 'is empty').max(500), prompt]) }),
      run: async (by, { prompt_config }) => {
        const added = Array.isArray(prompt_config) ? (prompt_config as readonly Prompt[]) : [prompt_config as Prompt];
        const names = added.map((one) => one['name']);
        await this.servers.put(by, OWN, (before) => {
          const kept = promptsIn(before).filter((one) => !names.includes(one['name']));
          return { ...before, type: 'local', label: 'Prompts', prompts: [...kept, ...added] };
        });
        return { data: names.map((one) => `${OWN.id}_${String(one)}`) };
      },
    };
  }

  private list(): ManagementTool<object> {
    return {
      name: 'get_all_prompts',
      description: 'The names of all prompts that are offered.',
      arguments: z.strictObject({}),
      readOnly: true,
      run: async ({ tenantId }) => {
        const all = this.names.all(tenantId, 'prompts').filter(({ isDisabled }) => !isDisabled);
        return { data: all.map(({ fullName }) => fullName) };
      },
    };
  }

  private ofServer(): ManagementTool<{ server_id: string }> {
    return {
      name: 'list_prompts_per_server',
      description: 'The prompts of a member server, disabled ones among them.',
      arguments: z.strictObject({ server_id: name }),
      readOnly: true,
      run: async (by, { server_id }) => {
        const all = this.names.all(by.tenantId, 'prompts', server_id);
        return { data: await Promise.all(all.map((one) => this.shown(by, one))) };
      },
    };
  }

  private filter(): ManagementTool<z.infer<typeof filter>> {
    return {
      name: 'filter_prompts',
      description: 'The prompts whose name and description hold these words, and that have all these tags.',
      arguments: filter,
      readOnly: true,
      run: async (by, wanted) => {
        const all = this.names.all(by.tenantId, 'prompts').filter(({ isDisabled }) => !isDisabled);
        const shown = await Promise.all(all.map((one) => this.shown(by, one)));
        const holds = (text: string, word = '') => text.toLowerCase().includes(word.toLowerCase());
        return {
          data: shown.filter((one) => {
            const hasTags = (wanted.tags ?? []).every((tag) => one.tags.includes(tag));
            return hasTags && holds(one.name, wanted.name) && holds(one.description, wanted.description);
          }),
        };
      },
    };
  }

  private disable(): ManagementTool<z.infer<typeof switched>> {
    return {
      name: 'disable_prompts',
      description: 'Take prompts of a member server off: they are neither listed nor given until they are enabled.',
      arguments: switched,
      run: (by, args) => this.set(by, args, false),
    };
  }

  private enable(): ManagementTool<z.infer<typeof switched>> {
    return {
      name: 'enable_prompts',
      description: 'List and give prompts again that were disabled.',
      arguments: switched,
      run: (by, args) => this.set(by, args, true),
    };
  }

  private remove(): ManagementTool<{ prompt_names: readonly string[] }> {
    return {
      name: 'delete_prompts',
      description: 'Delete prompts that were added with add_prompts.',
      arguments: z.strictObject({ prompt_names: z.array(name).min(1).max(500).describe('Own or full names') }),
      destructive: true,
      run: async (by, { prompt_names }) => {
        const found = new Set<string>();
        if (await this.servers.find(refOf(by, OWN.id))) {
          await this.servers.put(by, OWN, (before) => {
            const isMeant = (one: Prompt, given: string) =>
              [one['name'], `${OWN.id}_${String(one['name'])}`].includes(given);
            const all = promptsIn(before);
            for (const given of prompt_names) if (all.some((one) => isMeant(one, given))) found.add(given);
            const kept = all.filter((one) => !prompt_names.some((given) => isMeant(one, given)));
            return { ...before, type: 'local', prompts: kept };
          });
        }
        return { data: Object.fromEntries(prompt_names.map((one) => [one, found.has(one) ? 'deleted' : 'not found'])) };
      },
    };
  }

  private async set(
    by: Principal,
    { prompts, server_id }: z.infer<typeof switched>,
    isOn: boolean,
  ): Promise<{ text: string }> {
    const all = this.names.all(by.tenantId, 'prompts', server_id);
    const things = this.names.named(all, prompts, server_id);
    if (things.length === 0) return { text: `No prompts found to ${isOn ? 'enable' : 'disable'}: ${listed(prompts)}` };
    await this.toggle.set(by, 'prompts', { things, isOn });
    const names = listed(things.map(({ fullName }) => fullName));
    return { text: `${isOn ? 'Enabled' : 'Disabled'} ${names} prompts from server ${server_id}` };
  }

  /** The template, and tags, are known of prompts that stand in a configuration alone. */
  private async shown(by: Principal, { server, own, definition }: OfferedThing) {
    const view = await this.servers.find(refOf(by, server));
    const kept = promptsIn(view?.config).find((one) => one['name'] === own);
    const tags = Array.isArray(kept?.['tags']) ? (kept['tags'] as string[]) : [];
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    return {
      name: text(definition['name']),
      description: text(definition['description']),
      template: text(kept?.['template']),
      tags,
      server_id: server,
    };
  }
}

function promptsIn(config: Prompt | undefined): readonly Prompt[] {
  const prompts = config?.['prompts'];
  return Array.isArray(prompts) ? prompts.filter(isObject) : [];
}
