import {
  EgressBadAnswerError,
  EgressDeniedError,
  type EgressHttp,
  EgressRequestError,
  EgressTimeoutError,
  EgressTooLargeError,
  EgressUnreachableError,
  type HttpAnswer,
  type HttpRequest,
} from '#egress';
import { isObject } from '#kernel';
import { ClientRefusedError, GrantRefusedError, IssuerUnavailableError } from '#token-store';

const FAULTS = [
  [EgressDeniedError, 'address_denied'],
  [EgressTimeoutError, 'timeout'],
  [EgressUnreachableError, 'unreachable'],
  [EgressTooLargeError, 'answer_too_large'],
  [EgressBadAnswerError, 'answer_unreadable'],
  [EgressRequestError, 'request_not_valid'],
] as const;
/** RFC 9110, 15.5.9 and RFC 8470, 5.2: the same request may succeed later. RFC 6585, 4: too many of them. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);
/** RFC 6749, 4.1.2.1, and RFC 8628, 3.5: the issuer is there, and cannot right now. */
const LATER_CODES: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 422]);
const CODE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const LONGEST_PAUSE = 86_400;

/**
 * One request to an issuer; redirects are the answer.
 * @throws IssuerUnavailableError if there is no whole answer
 */
export async function askIssuer(http: EgressHttp, request: HttpRequest): Promise<HttpAnswer> {
  try {
    return await http.request({ ...request, redirects: 0 });
  } catch (cause) {
    const [, reason] = FAULTS.find(([kind]) => cause instanceof kind) ?? [];
    if (reason === undefined) throw cause;
    throw new IssuerUnavailableError(reason, { cause });
  }
}

/**
 * Why an answer is no success, in one of three classes; `undefined` for 2xx. The reason is a code: that of RFC 6749, 5.2
 * or of IBM IAM where the answer has one, else the status. Never the issuer's text.
 * @param hasGrant whether `invalid_grant` speaks of what a person has given; else it speaks of the settings
 */
export function refusalOf(answer: HttpAnswer, { hasGrant }: { readonly hasGrant: boolean }): Error | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const later = (reason: string) => new IssuerUnavailableError(reason, pauseOf(answer));
  if (status < 400 || status >= 500 || LATER.has(status)) return later(`http_${status}`);

  const code = codeIn(objectIn(answer));
  if (code === undefined) {
    return REFUSALS.has(status) ? new ClientRefusedError(`http_${status}`) : later(`http_${status}`);
  }
  if (LATER_CODES.has(code)) return later(code);
  return code === 'invalid_grant' && hasGrant ? new GrantRefusedError(code) : new ClientRefusedError(code);
}

/** The JSON object that an answer is; `undefined` for anything else. */
export function objectIn({ body }: Pick<HttpAnswer, 'body'>): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `error` of RFC 6749, 5.2; `errorCode` and `errors[].code` of IBM services; `code` of others. */
function codeIn(answer: Record<string, unknown> | undefined): string | undefined {
  const [first] = Array.isArray(answer?.['errors']) ? (answer['errors'] as unknown[]) : [];
  const candidates = [
    answer?.['error'],
    answer?.['errorCode'],
    isObject(first) ? first['code'] : first,
    answer?.['code'],
  ];
  return candidates.find((code): code is string => typeof code === 'string' && CODE.test(code));
}

/** RFC 9110, 10.2.3: seconds, or a date, which is read against that of the answer. */
function pauseOf({ headers }: HttpAnswer): { readonly retryAfter?: number } {
  const told = headers['retry-after'];
  if (typeof told !== 'string') return {};
  const seconds = /^\d+$/.test(told) ? Number(told) : (Date.parse(told) - Date.parse(String(headers['date']))) / 1000;
  return Number.isFinite(seconds) ? { retryAfter: Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_PAUSE) } : {};
}
