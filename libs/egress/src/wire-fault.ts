import { ComposerError } from '#kernel';
import { errors } from 'undici';
import {
  EgressBadAnswerError,
  EgressRequestError,
  EgressTimeoutError,
  EgressUnreachableError,
} from './egress.errors.js';

const NO_NAME = /^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL|ETIMEOUT)$/;
const NO_CONNECTION = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/;
/** OpenSSL's verification results: the handshake did not finish, so nothing of the request went out. */
const CERTIFICATE = /^(ERR_TLS_CERT_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA)/;
const TLS = /^(ERR_TLS_|ERR_SSL_|EPROTO$)/;
const INVALID = /^(UND_ERR_INVALID_ARG|ERR_INVALID_CHAR|ERR_UNESCAPED_CHARACTERS|ERR_INVALID_HTTP_TOKEN)$/;

/**
 * Turns what a client library throws into one of our errors; ours, however deeply wrapped, come out as they are.
 *
 * @param error anything
 * @param isUnsent whether the caller knows that no byte of the request was written
 */
export function wireFault(error: unknown, isUnsent: boolean): ComposerError {
  const own = causes(error).find((cause) => cause instanceof ComposerError);
  if (own) return own;

  const code = codeOf(error);
  const cause = withoutRequest(error);
  if (NO_NAME.test(code)) return new EgressUnreachableError('its name does not resolve', true, cause);
  if (CERTIFICATE.test(code)) return new EgressUnreachableError('its certificate is not acceptable', true, cause);
  if (TLS.test(code)) return new EgressUnreachableError('no TLS session could be agreed on', isUnsent, cause);
  if (NO_CONNECTION.test(code)) {
    const isRefused = code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT';
    return new EgressUnreachableError('no connection was accepted', isUnsent || isRefused, cause);
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new EgressTimeoutError('no headers came', isUnsent, cause);
  if (code === 'UND_ERR_BODY_TIMEOUT') return new EgressTimeoutError('the answer stopped midway', isUnsent, cause);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new EgressBadAnswerError('its headers are too large', cause);
  // undici's parser error has no code of its own.
  if (code.startsWith('HPE_') || causes(error).some(isParserError)) {
    return new EgressBadAnswerError('it is not valid HTTP', cause);
  }
  if (INVALID.test(code)) {
    return new EgressRequestError('its path, method or a header has characters that are not allowed', cause);
  }
  return new EgressUnreachableError('the connection broke', isUnsent, cause);
}

/** axios hangs the whole request, credentials included, on its errors: what it wraps is kept, or the bare message. */
function withoutRequest(error: unknown): unknown {
  const innermost = causes(error).at(-1);
  if (typeof innermost !== 'object' || innermost === null || !('config' in innermost)) return innermost;
  return new Error(String((innermost as { message?: unknown }).message));
}

/** The error and what caused it, outermost first. Not `instanceof`: some libraries reject with look-alikes. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let next: unknown = error;
  while (typeof next === 'object' && next !== null && chain.length < 5) {
    chain.push(next);
    next = 'cause' in next ? next.cause : undefined;
  }
  return chain;
}

function isParserError(error: unknown): boolean {
  return error instanceof errors.HTTPParserError;
}

/** The first code that is the network's and not axios's own summary (`ERR_BAD_RESPONSE`). */
function codeOf(error: unknown): string {
  for (const cause of causes(error)) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && !code.startsWith('ERR_BAD_')) return code;
  }
  return '';
}
