import { unescape } from 'node:querystring';
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
/** Words of RFC 6749, 4.1.2.1 and 5.2, and of RFC 8707, 2: what they mean does not depend on who says them. */
const STANDARD: ReadonlySet<string> = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'invalid_scope', 'invalid_target', 'access_denied'],
  ...['unauthorized_client', 'unsupported_grant_type', ...LATER_CODES],
]);

/** An answer, and whether a text stood in the request. */
export interface IssuerReply extends HttpAnswer {
  /**
   * True for an echo: some issuers, and proxies before them, answer with the key or token that they do not take where
   * the code of an error belongs.
   */
  readonly isEcho: (code: string) => boolean;
}

/**
 * One request to an issuer; redirects are the answer.
 * @throws IssuerUnavailableError if there is no whole answer
 */
export async function askIssuer(http: Pick<EgressHttp, 'request'>, request: HttpRequest): Promise<IssuerReply> {
  try {
    const answer = await http.request({ ...request, redirects: 0 });
    return { ...answer, isEcho: (code) => !STANDARD.has(code) && saidIn(request).includes(code) };
  } catch (cause) {
    const [, reason] = FAULTS.find(([kind]) => cause instanceof kind) ?? [];
    if (reason === undefined) throw cause;
    throw new IssuerUnavailableError(reason, { cause });
  }
}

/**
 * Why an answer is no success, in one of three classes; `undefined` for 2xx. The reason is a code: that of RFC 6749, 5.2
 * or of IBM IAM where the answer has one, else the status. Never the issuer's text, and nothing that it was sent.
 * @param hasGrant whether `invalid_grant` speaks of what a person has given; else it speaks of the settings
 */
export function refusalOf(answer: IssuerReply, { hasGrant }: { readonly hasGrant: boolean }): Error | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const later = (reason: string) => new IssuerUnavailableError(reason, pauseOf(answer));
  if (status < 400 || status >= 500 || LATER.has(status)) return later(`http_${status}`);

  const code = codeIn(objectIn(answer), answer);
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
function codeIn(
  answer: Record<string, unknown> | undefined,
  { isEcho }: Pick<IssuerReply, 'isEcho'>,
): string | undefined {
  const [first] = Array.isArray(answer?.['errors']) ? (answer['errors'] as unknown[]) : [];
  const candidates = [
    answer?.['error'],
    answer?.['errorCode'],
    isObject(first) ? first['code'] : first,
    answer?.['code'],
  ];
  return candidates.find((code): code is string => typeof code === 'string' && CODE.test(code) && !isEcho(code));
}

/** RFC 9110, 10.2.3: seconds, or a date, which is read against that of the answer. */
function pauseOf({ headers }: HttpAnswer): { readonly retryAfter?: number } {
  const told = headers['retry-after'];
  if (typeof told !== 'string') return {};
  const seconds = /^\d+$/.test(told) ? Number(told) : (Date.parse(told) - Date.parse(String(headers['date']))) / 1000;
  return Number.isFinite(seconds) ? { retryAfter: Math.min(Math.max(Math.ceil(seconds), 0), LONGEST_PAUSE) } : {};
}

/** What a request says, as it was written and as its reader has it. */
function saidIn({ url, headers = {}, body = '' }: HttpRequest): string {
  const written = [String(url), ...Object.values(headers).flat().map(String), body.toString()];
  const pairs = written.flatMap((text) => /^Basic (\S+)$/.exec(text)?.[1] ?? []);
  const texts = [...written, ...pairs.map((pair) => Buffer.from(pair, 'base64').toString())];
  return [...texts, ...texts.map(unescape)].join('\n');
}
