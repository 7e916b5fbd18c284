import type { TenantId } from '#kernel';
import { Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import { RecordBudget } from './record-budget.js';
import { type RecordRange, SessionRecordStore } from './session-record.store.js';

/** Something to keep of a session. */
export interface SessionNote {
  /** Key of the session; visible ASCII without blanks and slashes. */
  readonly session: string;
  readonly name: string;
  /** At most 512 KiB. */
  readonly text: string;
  /** How long at most. */
  readonly seconds: number;
}

export type KeptNote = Pick<SessionNote, 'name' | 'text'>;

const TABLE = 'session_records';

/** What sessions leave behind for other replicas and for the time after a restart: sealed, bounded, and not for long. */
@Injectable()
export class SessionRecords {
  constructor(
    private readonly store: SessionRecordStore,
    private readonly sealer: Sealer,
    private readonly budget: RecordBudget,
  ) {}

  /**
   * Writes notes, over those of the same name.
   *
   * @param isNews has every replica look
   * @returns false if the tenant has too much already; nothing was written then
   * @throws DatabaseUnavailableError, UnknownTenantError
   */
  async keep(tenant: TenantId, notes: readonly SessionNote[], isNews = false): Promise<boolean> {
    for (const { text, seconds } of notes) {
      if (!this.budget.take(tenant, { records: 1, bytes: text.length }, seconds)) return false;
    }
    const sealed = notes.map(async ({ session, name, text, seconds }) => {
      const body = await this.sealer.seal(refOf(tenant, session, name), text);
      return { session, name, body, seconds };
    });
    await this.store.put(tenant, await Promise.all(sealed), isNews);
    return true;
  }

  /**
   * In the order of their names; at most a thousand.
   *
   * @param isKnown of which the text is not wanted: it is empty in what this gives
   * @throws DatabaseUnavailableError, SealBrokenError, KeyMissingError
   */
  async read(
    tenant: TenantId,
    session: string,
    { isKnown = () => false, ...range }: RecordRange & { readonly isKnown?: (name: string) => boolean },
  ): Promise<readonly KeptNote[]> {
    const records = await this.store.list(tenant, session, range);
    return Promise.all(
      records.map(async ({ name, body }) => ({
        name,
        text: isKnown(name) ? '' : await this.sealer.open(refOf(tenant, session, name), body),
      })),
    );
  }

  /** Removes what begins with this. @throws DatabaseUnavailableError */
  async forget(tenant: TenantId, session: string, prefix: string): Promise<void> {
    await this.store.remove(tenant, session, prefix);
  }
}

const refOf = (tenantId: TenantId, session: string, name: string) => ({
  tenantId,
  table: TABLE,
  row: `${session}/${name}`,
  field: 'body',
  generation: 0,
});
