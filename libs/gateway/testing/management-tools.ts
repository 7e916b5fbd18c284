import type { MemberPool } from '#builder';
import type { ServerRegistry } from '#registry';
import { AddedServers } from '../src/management/added-servers.js';
import { AddedTools } from '../src/management/added-tools.js';
import { CurlTools } from '../src/management/curl-tools.js';
import { ManagementTools } from '../src/management/management-tools.js';
import { NameSwitch } from '../src/management/name-switch.js';
import { OfferedNames } from '../src/management/offered-names.js';
import { OpenApiTools } from '../src/management/openapi-tools.js';
import { OverlayTools } from '../src/management/overlay-tools.js';
import { PreviewTool } from '../src/management/preview-tool.js';
import { PromptTools } from '../src/management/prompt-tools.js';
import { ServerTools } from '../src/management/server-tools.js';
import type { ServerPreviews } from '../src/preview/server-previews.js';

/** Repeats what it was asked. */
const echo = {
  preview: async (_by: unknown, config: unknown, page: unknown) => ({ config, page }),
} as unknown as ServerPreviews;

/** The management tools with all their parts, but that previews repeat what they are asked. */
export function managementTools(registry: ServerRegistry, pool: MemberPool): ManagementTools {
  const servers = new AddedServers(registry);
  const [names, toggle] = [new OfferedNames(pool), new NameSwitch(servers)];
  const added = new AddedTools(
    new OverlayTools(names, toggle, servers),
    new CurlTools(servers),
    new OpenApiTools(servers),
    new PromptTools(names, toggle, servers),
  );
  return new ManagementTools(new ServerTools(registry, pool), added, new PreviewTool(echo));
}
