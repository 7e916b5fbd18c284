import { Injectable } from '@nestjs/common';
import { CurlTools } from './curl-tools.js';
import type { ManagementTool } from './management-tool.js';
import { OpenApiTools } from './openapi-tools.js';
import { OverlayTools } from './overlay-tools.js';
import { PromptTools } from './prompt-tools.js';

/** What adds tools and prompts at run time, and chooses among those that are there. */
@Injectable()
export class AddedTools {
  constructor(
    private readonly overlays: OverlayTools,
    private readonly curl: CurlTools,
    private readonly documents: OpenApiTools,
    private readonly prompts: PromptTools,
  ) {}

  all(): readonly ManagementTool[] {
    return [this.overlays, this.curl, this.documents, this.prompts].flatMap((family) => [...family.all()]);
  }
}
