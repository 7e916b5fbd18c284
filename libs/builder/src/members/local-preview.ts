import type { LocalServerConfig } from '#registry';
import { readPromptFile } from '../local/prompt-file.js';
import { offerOf } from '../member-offer.js';
import type { MemberPreview } from '../member-preview.js';
import { localTools } from './local-tools.member.js';
import type { PreviewOrder } from './member-parts.js';

/** What a local server's configuration makes of it. Of prompts it tells that there are no tools. */
export async function previewLocal(order: PreviewOrder<LocalServerConfig>): Promise<MemberPreview> {
  const { config, stored } = order;
  // One that has been read before may be away for a moment.
  if (config.prompt_path !== undefined && !stored) await readPromptFile(config.prompt_path);
  const tools = localTools(order);
  return {
    title: '',
    offer: offerOf({ tools: tools.map(({ definition }) => definition) }),
    operations: config.tools.map(({ method, path, name }) => ({
      operation: `${method} ${path}`,
      kind: 'tool',
      own: name,
    })),
    notes: [],
    hints: [],
    former: new Map(),
  };
}
