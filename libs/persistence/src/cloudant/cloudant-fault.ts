/** An answer of the server that says no, or none at all. Holds nothing of the request. */
export class CloudantFault extends Error {
  constructor(
    /** Absent: no answer came. */
    readonly status: number | undefined,
    /** CouchDB's word for it, such as `conflict`; empty where there is none. */
    readonly word: string,
    /** More of it, in CouchDB's words. Not for people: it may name a document. */
    readonly reason = '',
    /** Nobody could log in: the identity service or the session gave no token. */
    readonly isLogin = false,
  ) {
    super([status ?? 'no answer', word].filter((part) => part !== '').join(' '));
    this.name = 'CloudantFault';
  }

  /** Whether the same request may succeed in a moment. */
  get isPassing(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }

  /** Whether the request may have been carried out all the same. */
  get isOpen(): boolean {
    return this.isPassing && this.status !== 429;
  }

  /** The document is not there, in a database that is. */
  get isAbsent(): boolean {
    return this.status === 404 && (this.reason === 'missing' || this.reason === 'deleted');
  }
}

interface SdkError {
  readonly status?: unknown;
  readonly statusText?: unknown;
  readonly code?: unknown;
  /** Set by the SDK for every request that was sent, whatever became of it. */
  readonly body?: unknown;
  readonly result?: { readonly error?: unknown; readonly reason?: unknown };
}

/** How the system names what is wrong with a connection. */
const OF_SYSTEM = /^E[A-Z0-9]+$/;

/**
 * Of an error of the SDK what is safe to tell: it also holds headers and bodies.
 *
 * @returns undefined for what is no error of a request: then the fault is in this process
 */
export function faultOf(error: unknown): CloudantFault | undefined {
  if (error instanceof CloudantFault) return error;
  const { status, statusText, code, body } = error as SdkError;
  const isOfRequest = [status, statusText, body].some((value) => value !== undefined);
  return isOfRequest || OF_SYSTEM.test(String(code)) ? toldBy(error as SdkError) : undefined;
}

/** Of an error of who logs in: whatever it is, there is no token. */
export function loginFaultOf(error: unknown): CloudantFault {
  return toldBy(error as SdkError, true);
}

function toldBy({ status, statusText, code, result }: SdkError, isLogin = false): CloudantFault {
  if (typeof status !== 'number') return new CloudantFault(undefined, wordOf(statusText ?? code), '', isLogin);
  const reason = typeof result?.reason === 'string' ? result.reason : '';
  return new CloudantFault(status, wordOf(result?.error), reason, isLogin);
}

/** Codes are words; what is none is a text of strangers. */
const wordOf = (value: unknown): string => (typeof value === 'string' && /^\w{1,40}$/.test(value) ? value : '');
