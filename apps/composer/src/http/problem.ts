import { ComposerError, type Fault } from '#kernel';
import { HttpException } from '@nestjs/common';

/** RFC 9457, with the code that programs look at, the faults of an input, and the id under which the log knows the request. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly faults?: readonly Fault[];
  readonly requestId: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** The problem that an error is to whoever sent the request. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof ComposerError) {
    const { status, code, faults } = error;
    // A fault of our own tells its code and nothing of its inside.
    const detail =
      status === 500 ? 'the composer failed internally; its log knows more under this requestId' : error.message;
    return { ...base(status), detail, code, ...(faults.length > 0 ? { faults } : {}), requestId };
  }
  const status = statusOf(error);
  return { ...base(status), detail: detailOf(status), code: `COMPOSER_HTTP_${status}`, requestId };
}

const base = (status: number) => ({ type: 'about:blank', title: TITLES[status] ?? 'Error', status });

/** Errors of Nest and Fastify carry a status; everything else is our fault. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function detailOf(status: number): string {
  if (status === 404) return 'there is no such route; /docs lists them all';
  if (status === 400) return 'the request cannot be read: its address must be a URL and its body valid JSON';
  if (status === 413) return 'the body is too large';
  if (status === 415) return 'send application/json';
  return status >= 500
    ? 'the composer failed internally; its log knows more under this requestId'
    : (TITLES[status] ?? 'the request is refused');
}
