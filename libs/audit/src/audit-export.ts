import { Readable } from 'node:stream';
import type { TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import { type AuditQuery, AuditReader, MAX_PAGE } from './audit-reader.js';
import { AuditBusyError, AuditExportExpiredError } from './audit.errors.js';

/** Exports that a process makes at the same time. */
const SIDE_BY_SIDE = 4;
const WITHIN_MS = 60 * 60_000;
/** How long a reader may leave what is ready unread. */
const STALLED_MS = 60_000;

export interface ExportLimits {
  readonly withinMs?: number;
  readonly stalledMs?: number;
}

/**
 * The trail of a tenant as JSON lines (NDJSON), up to where it ended when the export began. Reads the next page when the
 * one before was taken, so that memory stays bounded whatever the reader does; a reader that stops reading is cut off. An
 * export that could not be finished ends with an error, never early and quietly.
 */
@Injectable()
export class AuditExport {
  private running = 0;

  constructor(private readonly reader: AuditReader) {}

  /** @throws AuditBusyError */
  async open(tenant: TenantId, query: Omit<AuditQuery, 'limit'>, limits: ExportLimits = {}): Promise<Readable> {
    const { withinMs = WITHIN_MS, stalledMs = STALLED_MS } = limits;
    if (this.running >= SIDE_BY_SIDE) throw new AuditBusyError();
    this.running += 1;
    let stalled: NodeJS.Timeout | undefined;
    try {
      const head = await this.reader.head(tenant);
      const until = Math.min(query.until ?? Infinity, head?.seq ?? 0);
      const pages = this.pages(tenant, { ...query, limit: MAX_PAGE, until }, withinMs);
      const taken = async function* (): AsyncGenerator<string> {
        for await (const page of pages) {
          stalled?.refresh();
          yield page;
        }
      };
      const stream = Readable.from(taken(), { objectMode: false });
      const cut = () => stream.destroy(new AuditExportExpiredError('nobody read it'));
      stalled = setTimeout(cut, stalledMs);
      return stream.once('close', () => {
        clearTimeout(stalled);
        this.running -= 1;
      });
    } catch (error) {
      this.running -= 1;
      throw error;
    }
  }

  private async *pages(tenant: TenantId, query: AuditQuery, withinMs: number): AsyncGenerator<string> {
    const end = performance.now() + withinMs;
    let cursor = query.cursor;
    do {
      if (performance.now() >= end) throw new AuditExportExpiredError('it took too long');
      const { items, next } = await this.reader.page(tenant, { ...query, cursor });
      if (items.length > 0) yield items.map((item) => `${JSON.stringify(item)}\n`).join('');
      cursor = next;
    } while (cursor !== undefined);
  }
}
