import type { AnswerSign, RequestPatch } from '#auth';
import type { EgressAnswer, EgressPool } from '#egress';
import type { MemberCredential } from '../member-credential.js';
import { applyPatch, passCookies, patchFor } from '../wire/request-head.js';
import { pageOf, signsOf } from '../wire/wire-exchange.js';

export interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For each of the two tries that there may be. */
  readonly timeoutMs: number;
}

export interface ServiceAnswer extends EgressAnswer {
  /** The credential was not taken, nor a renewed one, if there was one. */
  readonly isRefusal: boolean;
}

const MAX_BYTES = 10 * 1024 * 1024;

/** Asks a service something of the composer's own accord. A refused credential is renewed once. Never throws on a status. */
export async function askMember(
  pool: EgressPool,
  credential: MemberCredential,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  const patch = await credential.get();
  const answer = await askWith(pool, request, patch);
  if (!refuses(credential, answer)) return accepted(credential, patch, answer);
  const fresh = await credential.renew(patch, signOf(answer));
  if (!fresh) return { ...answer, isRefusal: true };
  const again = await askWith(pool, request, fresh);
  return refuses(credential, again) ? { ...again, isRefusal: true } : accepted(credential, fresh, again);
}

function askWith(pool: EgressPool, request: ServiceRequest, patch: RequestPatch): Promise<EgressAnswer> {
  const { method, path: wanted, headers: own, body, timeoutMs } = request;
  const [path, list] = applyPatch(wanted, own, patchFor(patch, method, wanted));
  const headers = Object.fromEntries(
    list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]!]] : [])),
  );
  const ask = { method, path, headers, timeoutMs, maxBytes: MAX_BYTES, ...(body === undefined ? {} : { body }) };
  return pool.request(ask).then((answer) => {
    passCookies(patch, answer.headers, wanted);
    return answer;
  });
}

function refuses(credential: MemberCredential, answer: EgressAnswer): boolean {
  return credential.refuses(signOf(answer));
}

function signOf({ status, headers, body }: EgressAnswer): AnswerSign {
  const contentType = String(headers['content-type'] ?? '').toLowerCase();
  return { status, contentType, ...signsOf(status, headers), ...pageOf({ contentType }, body) };
}

function accepted(credential: MemberCredential, patch: RequestPatch, answer: EgressAnswer): ServiceAnswer {
  if (answer.status < 400) credential.noteAccepted(patch);
  return { ...answer, isRefusal: false };
}
