import { DatabaseUnavailableError } from '../persistence.errors.js';

const SOCKET_CODES = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
const NAME_CODES = ['ENOTFOUND', 'EAI_AGAIN'];
/** Postgres 15, appendix A: connections, too many of them, shutting down or starting, idle too long. */
const LOST_STATES = /^(08...|53300|57P0[1235]|25P0[34])$/;
const REFUSED_LOGINS = /^28...$/;
/** How node-postgres says that `query_timeout` is over. */
const READ_TIMEOUT = 'Query read timeout';
const UNKNOWN_DATABASE = '3D000';
const QUERY_CANCELED = '57014';
const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/** Turns an error that says that the database is away, or too slow, into `DatabaseUnavailableError`; others stay. */
export function asDatabaseFault(error: unknown): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (code === QUERY_CANCELED || message === READ_TIMEOUT) {
    return new DatabaseUnavailableError('did not answer in time', error);
  }
  if (/timeout exceeded when trying to connect|timeout expired/.test(message)) {
    return new DatabaseUnavailableError('gave no connection in time', error);
  }
  if (REFUSED_LOGINS.test(code)) return new DatabaseUnavailableError('refuses the login of its URL', error);
  if (code === UNKNOWN_DATABASE) return new DatabaseUnavailableError('that its URL names does not exist', error);
  if (isConnectionLost(error)) {
    return new DatabaseUnavailableError(`cannot be reached (${code === '' ? 'connection lost' : code})`, error);
  }
  return error;
}

/** Whether the connection that gave this error must not be used again. */
export function isConnectionLost(error: unknown): boolean {
  return isConnectionBroken(error) || (error as Error).message === READ_TIMEOUT;
}

/** Whether the connection that gave this error has ended: not one that only does not answer. */
export function isConnectionBroken(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    [...SOCKET_CODES, ...NAME_CODES].includes(code) ||
    LOST_STATES.test(code) ||
    /^Connection terminated|^Client (was closed|has encountered a connection error)|^Cannot use a pool after/.test(
      message,
    )
  );
}

/** Whether a statement failed because such a row exists. */
export const isUniqueViolation = (error: unknown): boolean => (error as { code?: string }).code === UNIQUE_VIOLATION;

/** Whether a statement failed because a row that it refers to does not exist. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  (error as { code?: string }).code === FOREIGN_KEY_VIOLATION;
