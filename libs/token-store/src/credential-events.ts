import type { AuditEvent } from '#audit';
import { type JsonObject, parseUrl } from '#kernel';
import { type Actor, SYSTEM } from '#tenancy';
import type { TokenKey } from './token-key.js';

interface Told {
  readonly key: TokenKey;
  readonly generation: number;
}

/** A person has consented, or the composer has registered itself or has had the first credential. */
export function connected(told: Told, by: Actor = SYSTEM): AuditEvent {
  return { action: 'credential.connected', actor: by, ...about(told) };
}

export function refreshed(told: Told): AuditEvent {
  return { action: 'credential.refreshed', actor: SYSTEM, ...about(told) };
}

/** The issuer does not take the grant, or the client. */
export function refused(told: Told, reason: string): AuditEvent {
  return { action: 'credential.refused', outcome: 'failed', actor: SYSTEM, ...about(told, { reason }) };
}

export function held(told: Told): AuditEvent {
  return { action: 'credential.held', outcome: 'refused', actor: SYSTEM, ...about(told) };
}

export function revoked(told: Told, by: Actor): AuditEvent {
  return { action: 'credential.revoked', actor: by, ...about(told) };
}

function about({ key, generation }: Told, more: JsonObject = {}): Pick<AuditEvent, 'target' | 'detail'> {
  const { serverId, kind, issuer, principalId } = key;
  const principal = principalId === undefined ? {} : { principal: principalId };
  return {
    target: `server:${serverId}`,
    detail: { kind, issuer: withoutQuery(issuer), generation, ...principal, ...more },
  };
}

/** An issuer may be an address, and the query of an address may hold anything. */
function withoutQuery(issuer: string): string {
  const url = parseUrl(issuer);
  return url && url.origin !== 'null' ? url.origin + url.pathname : issuer.slice(0, 200);
}
