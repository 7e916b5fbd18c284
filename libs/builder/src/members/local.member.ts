import type { LocalServerConfig } from '#registry';
import { PromptFileError } from '../local/local.errors.js';
import { previewLocal } from './local-preview.js';
import { LocalToolsMember } from './local-tools.member.js';
import type { MemberBuilder } from './member-parts.js';
import { PromptMember } from './prompt.member.js';

/** A server that is nothing but its configuration: prompts, or single HTTP requests as tools. */
export const localMemberBuilder: MemberBuilder<LocalServerConfig> = {
  types: ['local'],
  async build(order) {
    if (order.config.tools.length > 0) return new LocalToolsMember(order);
    const member = new PromptMember(order);
    if (!order.isNew) return member;
    await member.refresh().catch((error: unknown) => {
      // A file that was there before may be away for a moment; one that has never been there is a mistake.
      if (!(error instanceof PromptFileError) || member.offered().prompts.length === 0) throw error;
    });
    return member;
  },
  preview: previewLocal,
};
