import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import type { PoolClient } from 'pg';
import { CommitUnknownError, DatabaseUnavailableError, TransactionLostError } from '../persistence.errors.js';
import { ApplicationRole } from './application-role.js';
import { currentOf, refuseInside, runInside } from './current-transaction.js';
import { DatabaseConnection, POOL_SIZE } from './database-connection.js';
import { asDatabaseFault, isConnectionBroken, isConnectionLost } from './database-faults.js';
import { type NumberedChange, Transaction } from './transaction.js';

const STATEMENT_MS = 5_000;
const TRANSACTION_MS = 15_000;
const PING_MS = 2_000;
/** So many connections the pool may hold that have broken unseen, as after a restart of the database. */
const MOST_BROKEN = POOL_SIZE;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Transactions as the application role, which row-level security always binds. A transaction takes at most 15
 * seconds and a statement 5. Transactions do not nest: what needs another one happens before or after.
 *
 * Everything here throws `DatabaseUnavailableError` when the database is away or too slow; other failures of a
 * statement arrive as node-postgres gives them, with their SQLSTATE in `code`.
 */
@Injectable()
export class Database {
  private readonly listeners = new Set<(change: NumberedChange) => void>();

  constructor(
    private readonly connection: DatabaseConnection,
    private readonly role: ApplicationRole,
  ) {}

  /** Commits when `work` is done, rolls back when it throws. Sees and writes rows of `tenant` alone. */
  async inTenant<T>(tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> {
    if (!UUID.test(tenant)) throw new TypeError('a tenant id is a UUID');
    return this.transact(tenant, { 'app.tenant': tenant }, work);
  }

  /** As the operator, who makes and removes tenants, and in `tenant` too: so that what it does is recorded there. */
  async asOperatorIn<T>(tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> {
    if (!UUID.test(tenant)) throw new TypeError('a tenant id is a UUID');
    return this.transact(tenant, { 'app.tenant': tenant, 'app.operator': 'on' }, work);
  }

  /** For what belongs to no tenant, and for the list of tenants. Sees no row of any tenant. */
  async asOperator<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.transact(undefined, { 'app.operator': 'on' }, work);
  }

  /** For the wrapped keys of all tenants. Sees nothing else of any tenant. */
  async amongWrappedKeys<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.transact(undefined, { 'app.rewrap': 'on' }, work);
  }

  /** Reads in the transaction of `tenant` that surrounds the caller, else in one of its own. */
  async read<T>(tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> {
    const current = currentOf(tenant);
    return current ? work(current) : this.inTenant(tenant, work);
  }

  /** Calls `listener` for every change that a transaction of this process has announced, once it is committed. */
  onAnnounced(listener: (change: NumberedChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Comes back within 2 seconds, whatever the database does. */
  async ping(): Promise<void> {
    const answer = this.connection.pool.query('SELECT 1');
    answer.catch(() => undefined); // after the deadline nobody listens any more
    try {
      await before(PING_MS, answer);
    } catch (error) {
      throw asDatabaseFault(error);
    }
  }

  private async transact<T>(
    tenant: TenantId | undefined,
    settings: Readonly<Record<string, string>>,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    refuseInside('a second transaction was asked for');
    const client = await this.begin(this.opening(settings));
    const transaction = new Transaction(client, tenant);
    let broken: Error | undefined;
    try {
      const result = await before(
        TRANSACTION_MS,
        runInside({ tenant, transaction }, () => work(transaction)),
      );
      transaction.end();
      await commit(client);
      this.tell(transaction.announced);
      return result;
    } catch (error) {
      transaction.end();
      broken = await rollBack(client, error);
      throw asDatabaseFault(error);
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  }

  private tell(changes: readonly NumberedChange[]): void {
    for (const change of changes) for (const listener of this.listeners) listener(change);
  }

  /**
   * A connection on which the transaction has begun. One that broke while it lay in the pool is replaced: nothing has
   * happened on it yet. Whoever is given it takes `ignore` off and releases it.
   */
  private async begin(opening: string, others = MOST_BROKEN): Promise<PoolClient> {
    const client = await this.acquire();
    client.on('error', ignore); // a connection that breaks between two statements; the next one fails
    try {
      await client.query(opening);
      return client;
    } catch (error) {
      client.off('error', ignore);
      client.release(error as Error);
      if (others > 0 && isConnectionBroken(error)) return this.begin(opening, others - 1);
      throw asDatabaseFault(error);
    }
  }

  private async acquire(): Promise<PoolClient> {
    try {
      return await this.connection.pool.connect();
    } catch (error) {
      throw asDatabaseFault(error);
    }
  }

  /**
   * Role, tenant and limits in the round trip that opens the transaction, so that no statement runs without them.
   * Several statements at once take no parameters: every value here is a constant, a role name or a checked UUID.
   */
  private opening(settings: Readonly<Record<string, string>>): string {
    const role = this.role.switchTo;
    const all = {
      ...(role === undefined ? {} : { role }),
      statement_timeout: `${STATEMENT_MS}`,
      idle_in_transaction_session_timeout: `${TRANSACTION_MS}`,
      ...settings,
    };
    const calls = Object.entries(all).map(([name, value]) => `set_config('${name}', '${value}', true)`);
    return `BEGIN; SELECT ${calls.join(', ')}`;
  }
}

async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT').catch((error: unknown) => {
    // A refusal, such as a deferred constraint, is an answer; everything else leaves the outcome open.
    throw isConnectionLost(error) ? new CommitUnknownError(error) : error;
  });
  // Postgres answers the COMMIT of a failed transaction with ROLLBACK, and calls that a success.
  if (command !== 'COMMIT') throw new TransactionLostError('a statement failed and its error was not passed on');
}

/** Gives the reason why the connection must go, if there is one. */
async function rollBack(client: PoolClient, error: unknown): Promise<Error | undefined> {
  if (isConnectionLost(error) || error instanceof DatabaseUnavailableError || error instanceof CommitUnknownError) {
    return error as Error;
  }
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (failure) {
    return failure as Error;
  }
}

async function before<T>(deadline: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseUnavailableError(`did not finish within ${deadline} ms`)), deadline);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const ignore = (): void => undefined;
