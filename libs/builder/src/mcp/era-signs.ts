import { isObject } from '#kernel';
import { MemberProtocolError, refusalOf } from '../builder.errors.js';
import type { ControlAnswer } from './control-request.js';
import { MODERN_VERSION, UNSUPPORTED_VERSION } from './mcp-protocol.js';

const MODERN_ERRORS = new Set([-32020, -32021, UNSUPPORTED_VERSION]);

/** Only a member of the modern era answers `server/discover` so. */
export function speaksModern({ status, response }: ControlAnswer): boolean {
  if (!response) return false;
  const { result, error } = response.value;
  if (status === 200 && isObject(result))
    return Array.isArray(result['supportedVersions']) && result['supportedVersions'].includes(MODERN_VERSION);
  return isObject(error) && MODERN_ERRORS.has(Number(error['code'])) && Number(error['code']) !== UNSUPPORTED_VERSION;
}

/** The member has refused the version of the request, and names one that is known here. */
export function offersModern({ response }: ControlAnswer): boolean {
  const error = response?.value['error'];
  if (!isObject(error) || error['code'] !== UNSUPPORTED_VERSION || !isObject(error['data'])) return false;
  const { supported } = error['data'];
  return Array.isArray(supported) && supported.includes(MODERN_VERSION);
}

/** Throws what a refusal of the credential is to be told as. */
export function refuseRefusal({ status, headers, isRefusal }: ControlAnswer): void {
  if (isRefusal || status === 401 || status === 403) throw refusalOf(status, headers['www-authenticate']);
}

/** The JSON-RPC response in the answer. Throws a `ComposerError` if there is none. */
export function responseOf(answer: ControlAnswer, method: string): { value: Record<string, unknown>; raw: Buffer } {
  refuseRefusal(answer);
  const { status, response } = answer;
  if (!response)
    throw new MemberProtocolError(
      `it answered ${method} with HTTP ${status} and no JSON-RPC message: is this its MCP endpoint?`,
    );
  return response;
}
