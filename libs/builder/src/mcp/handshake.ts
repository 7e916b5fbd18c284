import { isObject } from '#kernel';
import type { Log } from '#observability';
import { type ClientFlag, declarationOf } from '../client-facts.js';
import { MemberFaultError, MemberProtocolError } from '../builder.errors.js';
import { COMPOSER_INFO, LATEST_LEGACY_VERSION, LEGACY_VERSIONS } from './mcp-protocol.js';

const KNOWN_VERSIONS: ReadonlySet<string> = new Set(LEGACY_VERSIONS);

/** What the composer says first to a member that wants a handshake (2025-11-25, lifecycle). */
export interface Initialize {
  readonly method: 'initialize';
  readonly params: Readonly<Record<string, unknown>>;
}

/** @param declares what may be asked in the session */
export function initializeWith(declares: readonly ClientFlag[]): Initialize {
  const capabilities = declarationOf(declares);
  return {
    method: 'initialize',
    params: { protocolVersion: LATEST_LEGACY_VERSION, capabilities, clientInfo: COMPOSER_INFO },
  };
}

/** The revision that the member has chosen in its answer. Throws `MemberProtocolError` if there is none that is known. */
export function agreedVersion(answer: Readonly<Record<string, unknown>>, log: Log): string {
  const version = isObject(answer['result']) ? answer['result']['protocolVersion'] : undefined;
  if (typeof version !== 'string') {
    throw new MemberProtocolError(`it answered initialize with ${told(answer['error'], log)}`);
  }
  if (KNOWN_VERSIONS.has(version)) return version;
  throw new MemberProtocolError(`it wants revision ${version.slice(0, 20)} of the protocol, which is not known here`);
}

/** What it is told as that a member answered with an error. */
export function faultOf(method: string, error: unknown, log: Log): MemberFaultError {
  const code = isObject(error) && typeof error['code'] === 'number' ? error['code'] : NaN;
  return new MemberFaultError(`it answered ${method} with an error: ${told(error, log)}`, code);
}

/** A member's words are for people to read: without secrets, cut short, and never taken for anything else. */
export function told(error: unknown, log: Log): string {
  if (!isObject(error)) return 'nothing that can be read';
  const { code, message } = error;
  return log.mask(`${plain(code)} ${plain(message)}`).slice(0, 200);
}

/** An object may have anything in the place of what would make it a text. */
const plain = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined'));
