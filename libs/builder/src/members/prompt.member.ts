import { isObject } from '#kernel';
import { type LocalPrompt, type LocalServerConfig, type StoredCatalog, endpointOf, promptFile } from '#registry';
import { PromptCall } from '../local/prompt-call.js';
import { readPromptFile } from '../local/prompt-file.js';
import { PromptTemplate } from '../local/prompt-template.js';
import type { MemberReply, MemberRequest } from '../member.js';
import { type MemberOffer, offerOf } from '../member-offer.js';
import { LiveMember, type ReadyCall } from './live-member.js';
import type { MemberOrder } from './member-parts.js';

/**
 * Prompts that the composer keeps itself, in their server's configuration or in a file of the operator. The file is read
 * again at every check; one that cannot be read is a problem of the member, and what was read before goes on serving.
 */
export class PromptMember extends LiveMember<LocalServerConfig> {
  readonly provesCredential = true;
  private prompts: readonly LocalPrompt[] = [];
  private templates: ReadonlyMap<string, PromptTemplate> = new Map();
  private offer: MemberOffer = offerOf({});

  constructor(order: MemberOrder<LocalServerConfig>) {
    super(order, new URL(endpointOf(order.config)));
    const { prompt_path, prompts } = order.config;
    this.take(prompt_path === undefined ? prompts : storedPrompts(order));
  }

  async refresh(): Promise<MemberOffer> {
    const { prompt_path } = this.order.config;
    if (prompt_path !== undefined) this.take(await readPromptFile(prompt_path));
    return this.offer;
  }

  offered(): MemberOffer {
    return this.offer;
  }

  snapshot(): StoredCatalog {
    const { prompt_path: file } = this.order.config;
    const content = file === undefined ? {} : { file, prompts: this.prompts };
    return { fetchedAt: new Date(this.order.clock.now()), content };
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    return new PromptCall(this.callParts, this.templates, request, reply);
  }

  private take(prompts: readonly LocalPrompt[]): void {
    const templates = prompts.map((prompt) => new PromptTemplate(prompt));
    this.prompts = prompts;
    this.templates = new Map(templates.map((template) => [template.name, template]));
    const capabilities = { prompts: { listChanged: true } };
    this.offer = offerOf({ prompts: templates.map(({ definition }) => definition), capabilities });
  }
}

/** What was read of the same file by this process or a former one. */
function storedPrompts({ config, stored }: MemberOrder<LocalServerConfig>): readonly LocalPrompt[] {
  const content = stored?.content;
  if (!isObject(content) || content['file'] !== config.prompt_path) return [];
  const prompts = promptFile.safeParse(content['prompts']);
  return prompts.success ? prompts.data : [];
}
