import { randomUUID } from 'node:crypto';
import { CommitUnknownError, DatabaseUnavailableError, UnknownTenantError } from '#persistence';

/** Names an appending that may have been done before, by whoever began it. */
export interface Once {
  readonly id: string;
  /** Behind which number it can be. */
  readonly after: number;
  /** Somebody else may have done it: nothing can be said of it before it was looked for. */
  readonly isRepeated?: boolean | undefined;
}

/** Events that somebody waits for to be in a trail, all or none. */
export class Appending {
  readonly id: string;
  /** Behind which number it can be already. */
  readonly after: number;
  readonly length: number;
  readonly over: Promise<void>;
  /** Somebody else may have done it, and it was not looked for yet. */
  isToBeSought: boolean;
  /** Why an attempt at it may have come through or not. */
  doubt: unknown;
  succeed!: () => void;
  private reject!: (error: unknown) => void;
  private isOver = false;

  /** @param end until when it is tried, by `performance.now()` */
  constructor(
    readonly texts: readonly string[],
    private readonly end: number,
    { id, after, isRepeated = false }: Once = { id: randomUUID(), after: Infinity },
  ) {
    this.id = id;
    this.after = after;
    this.isToBeSought = isRepeated;
    this.length = texts.reduce((sum, text) => sum + text.length, 0);
    this.over = new Promise((resolve, reject) => {
      this.succeed = () => {
        this.isOver = true;
        resolve();
      };
      this.reject = reject;
    });
    this.over.catch(() => undefined); // whoever waits for it is told when he comes to it
  }

  fail(error: unknown): void {
    this.isOver = true;
    // What became of a tenant's trail when the tenant was removed is no question.
    const isUnknown = !(error instanceof UnknownTenantError) && (this.isToBeSought || this.doubt !== undefined);
    this.reject(isUnknown ? new CommitUnknownError(this.doubt ?? error) : error);
  }

  /** Whether it is still to be tried. One whose time is over fails. */
  isOpen(now: number): boolean {
    if (!this.isOver && now >= this.end) this.fail(new DatabaseUnavailableError('did not take an event in time'));
    return !this.isOver;
  }
}
