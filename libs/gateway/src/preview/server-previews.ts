import { MemberPool, MemberPreviews } from '#builder';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { ServerCandidates } from '#registry';
import { type Principal, holdsAny } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { PreviewsBusyError } from '../gateway.errors.js';
import { type PreviewPage, previewAnswer } from './preview-answer.js';

/** Of one tenant, and of all: each keeps a document and what is made of it in memory. */
const AT_ONCE = 2;
const AT_ONCE_IN_ALL = 8;

/**
 * A look before a registration: what would become of a configuration, and what would be different from what serves now.
 * The same faults are found; the service is not called, no process is started, and nothing is stored.
 */
@Injectable()
export class ServerPreviews {
  private readonly running = new Map<TenantId, number>();

  constructor(
    private readonly candidates: ServerCandidates,
    private readonly members: MemberPreviews,
    private readonly pool: MemberPool,
    private readonly log: Log,
  ) {}

  /** Throws as registering, or replacing what is there, would; and `PreviewsBusyError`. */
  async preview(by: Principal, input: unknown, page: PreviewPage): Promise<object> {
    const { tenantId } = by;
    const running = this.running.get(tenantId) ?? 0;
    const inAll = [...this.running.values()].reduce((sum, count) => sum + count, 0);
    if (running >= AT_ONCE || inAll >= AT_ONCE_IN_ALL) throw new PreviewsBusyError();
    this.running.set(tenantId, running + 1);
    try {
      return await this.look(by, input, page);
    } finally {
      const left = this.running.get(tenantId)! - 1;
      if (left > 0) this.running.set(tenantId, left);
      else this.running.delete(tenantId);
    }
  }

  private async look(by: Principal, input: unknown, page: PreviewPage): Promise<object> {
    const { tenantId } = by;
    const mayReadFiles = holdsAny(by, ['operator']);
    const judge = (addresses: Parameters<MemberPool['judge']>[0]) => this.pool.judge(addresses);
    await this.pool.load(tenantId);
    return this.candidates.consider(input, { tenantId, mayReadFiles, judge }, async (considered) => {
      const { ref } = considered.candidate;
      const preview = await this.members.of(considered.candidate);
      const serving = this.pool.find(ref);
      return previewAnswer({ considered, preview, serving, log: this.log }, page);
    });
  }
}
