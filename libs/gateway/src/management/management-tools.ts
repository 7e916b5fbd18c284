import { faultsOf } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { AddedTools } from './added-tools.js';
import { type ManagementTool, resultOf } from './management-tool.js';
import { PreviewTool } from './preview-tool.js';
import { ServerTools } from './server-tools.js';

/** The tools that the composer itself offers to administrators. */
@Injectable()
export class ManagementTools {
  private readonly byName = new Map<string, ManagementTool>();
  private readonly listed: readonly CatalogEntry[];

  constructor(servers: ServerTools, added: AddedTools, preview: PreviewTool) {
    const tools: readonly ManagementTool[] = [...servers.all(), preview.tool(), ...added.all()];
    for (const tool of tools) {
      for (const name of [tool.name, ...(tool.aliases ?? [])]) this.byName.set(name, tool);
    }
    this.listed = tools.map(entryOf);
  }

  /** For the catalogue. */
  entries(): readonly CatalogEntry[] {
    return this.listed;
  }

  /** The listed name that an alias stands for. */
  nameOf(alias: string): string | undefined {
    return this.byName.get(alias)?.name;
  }

  /** Throws `InvalidArgumentsError`, and what the tool throws. */
  async run(name: string, principal: Principal, args: unknown): Promise<object> {
    const tool = this.byName.get(name)!;
    const parsed = tool.arguments.safeParse(args);
    if (!parsed.success) throw new InvalidArgumentsError(faultsOf(parsed.error.issues));
    return resultOf(await tool.run(principal, parsed.data));
  }
}

function entryOf({
  name,
  description,
  arguments: schema,
  readOnly = false,
  destructive = false,
}: ManagementTool): CatalogEntry {
  const { $schema: _dialect, ...inputSchema } = z.toJSONSchema(schema, { io: 'input' });
  const annotations = {
    readOnlyHint: readOnly,
    destructiveHint: destructive,
    idempotentHint: readOnly,
    openWorldHint: false,
  };
  const definition = Buffer.from(JSON.stringify({ name, description, inputSchema, annotations }));
  return { name, fullName: name, definition, target: { management: name } };
}
