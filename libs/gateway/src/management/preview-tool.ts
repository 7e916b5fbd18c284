import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { PreviewPage } from '../preview/preview-answer.js';
import { argumentPage } from '../preview/preview-page.schema.js';
import { ServerPreviews } from '../preview/server-previews.js';
import type { ManagementTool } from './management-tool.js';

type Arguments = PreviewPage & { readonly config: Record<string, unknown> };

/** `POST /api/v1/servers:preview` over MCP. */
@Injectable()
export class PreviewTool {
  constructor(private readonly previews: ServerPreviews) {}

  tool(): ManagementTool<Arguments> {
    return {
      name: 'preview_mcp_server',
      description:
        'Tell what registering a member server, or replacing its configuration, would make: every operation with the ' +
        'reason for those that are left out, the token cost of its tools, and what would change. Calls and stores nothing.',
      arguments: z.strictObject({
        config: z.record(z.string(), z.unknown()).describe('The configuration, as register_mcp_server takes it'),
        ...argumentPage,
      }),
      readOnly: true,
      run: async (by, { config, ...page }) => ({ data: await this.previews.preview(by, config, page) }),
    };
  }
}
