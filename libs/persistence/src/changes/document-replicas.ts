import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, tenantId } from '#kernel';
import type { NumberedChange } from '../database/transaction.js';
import { type Documents, OPERATOR, type StoredDocument } from '../documents/documents.js';
import { DatabaseUnavailableError, DocumentConflictError } from '../persistence.errors.js';
import type { KeyHolder } from '../rotation/key-ledger.js';
import type { Mark } from './change-errands.js';
import type { Replica } from './change-feed.js';
import { CHANGES } from './document-changes.js';
import type { Behind } from './replicas.js';

const REPLICAS = 'replicas/';
/** Lies among the changes, so that one look finds both; sorts before every tenant. */
export const CALLS = `${CHANGES}!calls`;
/** A replica that was not heard of for so long is not waited for; it reports every two seconds. */
const LIVE_MS = 7_000;
/** Nothing may be let in from a cache for longer than five minutes after the store was last heard of. */
const FORGOTTEN_MS = 330_000;
const REPORTS_BETWEEN_SWEEPS = 150;
const CALL_TRIES = 20;
const NEWS_KEPT = 200;

/** What all replicas are called to take over. */
export interface Call {
  readonly mark: Mark;
  /** The changes that it is about. Whoever sees the call needs not see their documents, which may come later to a node. */
  readonly news: readonly NumberedChange[];
}

/** Sorts before all other marks. */
export const FIRST = markOf(0);

interface Report {
  readonly name: string;
  readonly applied: Mark;
  /** The keys that it holds, the one that it seals with first. */
  readonly keyIds: readonly string[];
  /** When it reported, in milliseconds since the epoch, by its own clock. */
  readonly at: number;
}

/** The processes that serve from these documents, this one among them once it has reported. */
export class DocumentReplicas {
  private readonly id = randomUUID();
  private readonly name = `${hostname()}:${process.pid}`;
  private rev: string | undefined;
  private reports = 0;

  constructor(
    private readonly documents: Documents,
    private readonly clock: Clock,
  ) {}

  /** This process lives, holds these keys, and has taken over everything up to `applied`. */
  async report(applied: Mark, keyIds: readonly string[]): Promise<void> {
    const body = { name: this.name, applied, keyIds, at: this.clock.now() } satisfies Report;
    try {
      this.rev = await this.documents.write(this.ref, body, this.rev);
    } catch (error) {
      if (!(error instanceof DocumentConflictError)) throw error;
      // Taken for dead by somebody, or an earlier report came through although nobody said so.
      this.rev = await this.documents.write(this.ref, body, (await this.documents.read(this.ref))?.rev);
    }
    if (this.reports++ % REPORTS_BETWEEN_SWEEPS === 0) await this.forget();
  }

  /** This process serves no more. */
  async leave(): Promise<void> {
    const own = await this.documents.read(this.ref);
    if (own) await this.documents.remove(this.ref, own.rev);
  }

  /** Calls all replicas to take over what was changed before. Gives the mark of the call. */
  async call(news: readonly NumberedChange[]): Promise<Mark> {
    const ref = { partition: OPERATOR, path: CALLS } as const;
    for (let tries = 0; tries < CALL_TRIES; tries++) {
      const before = await this.documents.read(ref);
      const count = Number(before?.body['count'] ?? 0) + 1;
      const all = [...news, ...(before ? callOf(before).news : [])].slice(0, NEWS_KEPT);
      const told = all.map(({ tenantId: tenant, topic, version }) => [tenant, topic, version]);
      try {
        await this.documents.write(ref, { count, news: told }, before?.rev);
        return markOf(count);
      } catch (error) {
        if (!(error instanceof DocumentConflictError)) throw error;
        await pause(Math.random() * 100);
      }
    }
    throw new DatabaseUnavailableError('is written to by too many at once');
  }

  /** The live ones, and the keys that they hold. */
  async holders(): Promise<readonly KeyHolder[]> {
    const all = (await this.documents.range(OPERATOR, { prefix: REPLICAS })).map(reportOf);
    return all
      .filter(({ at }) => this.clock.now() - at <= LIVE_MS)
      .map(({ name, keyIds = [] }) => ({ name, keyIds }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Those that have not reported that they have taken over everything up to `mark`. */
  async behind(mark: Mark): Promise<readonly Behind[]> {
    const now = this.clock.now();
    const all = await this.documents.range(OPERATOR, { prefix: REPLICAS });
    return all
      .map((stored) => ({ id: stored.path.slice(REPLICAS.length), ...reportOf(stored) }))
      .filter(({ applied }) => applied < mark)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ id, name, at }) => {
        const replica: Replica = { id, name, silentMs: Math.max(0, now - at) };
        return { replica, isLive: replica.silentMs <= LIVE_MS };
      });
  }

  private get ref() {
    return { partition: OPERATOR, path: `${REPLICAS}${this.id}` } as const;
  }

  private async forget(): Promise<void> {
    const all = await this.documents.range(OPERATOR, { prefix: REPLICAS });
    for (const stored of all) {
      if (this.clock.now() - reportOf(stored).at <= FORGOTTEN_MS) continue;
      // It has reported meanwhile, or somebody else was faster.
      await this.documents.remove({ partition: OPERATOR, path: stored.path }, stored.rev).catch(() => undefined);
    }
  }
}

/** The call that the document `CALLS` holds. */
export function callOf({ body }: Pick<StoredDocument, 'body'>): Call {
  const news = (body['news'] ?? []) as readonly (readonly [string, string, number])[];
  return {
    mark: markOf(Number(body['count'])),
    news: news.map(([tenant, topic, version]) => ({ tenantId: tenantId(tenant), topic, version })),
  };
}

const reportOf = ({ body }: StoredDocument): Report => body as unknown as Report;

function markOf(count: number): Mark {
  return String(count).padStart(16, '0');
}
