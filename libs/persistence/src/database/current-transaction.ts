import { AsyncLocalStorage } from 'node:async_hooks';
import type { TenantId } from '#kernel';
import { NestedTransactionError } from '../persistence.errors.js';
import type { Transaction } from './transaction.js';

interface Current {
  readonly tenant: TenantId | undefined;
  readonly transaction: Transaction;
}

const storage = new AsyncLocalStorage<Current>();

/** Runs `work` as the inside of a transaction. */
export function runInside<T>(current: Current, work: () => Promise<T>): Promise<T> {
  return storage.run(current, work);
}

/** The open transaction around the caller, if it is one of `tenant`. */
export function currentOf(tenant: TenantId): Transaction | undefined {
  const current = storage.getStore();
  return current?.tenant === tenant && current.transaction.isOpen ? current.transaction : undefined;
}

/** Whether the caller runs inside an open transaction. */
export function isInside(): boolean {
  return storage.getStore()?.transaction.isOpen === true;
}

/**
 * Refuses what must not happen inside a transaction, always, instead of only on the day when it would block.
 *
 * @throws NestedTransactionError
 */
export function refuseInside(what: string): void {
  if (isInside()) throw new NestedTransactionError(what);
}
