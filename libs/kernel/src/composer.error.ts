export type ErrorCode = `COMPOSER_${string}`;

/** One fault of an input, at a place that the sender can find: `auth.token`, `open_api.spec_url`. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export interface ErrorDetail {
  /** HTTP status that fits the failure; 500 unless given. */
  readonly status?: number;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable?: boolean;
  /** After how many seconds it may. */
  readonly retryAfter?: number;
  readonly faults?: readonly Fault[];
  readonly cause?: unknown;
}

/**
 * Everything this service throws on purpose. `code` is the contract; the message is for people and
 * says what happened, to which thing, and what to try. It never holds a secret.
 */
export class ComposerError extends Error {
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly faults: readonly Fault[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    { status = 500, retryable = false, retryAfter, faults = [], cause }: ErrorDetail = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.faults = faults;
  }
}
