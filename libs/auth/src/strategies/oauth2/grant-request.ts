import { GrantRefusedError } from '#token-store';
import { TOKEN_EXCHANGE } from './grant-types.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { tokenTypeUri } from './token-types.js';

export interface GrantRequest {
  /** The `grant_type` on the wire. */
  readonly grant: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** RFC 6749, 6. @throws GrantRefusedError if there is nothing to refresh with */
export function refreshRequest(
  refresh_token: string | undefined,
  more: Record<string, string | undefined>,
): GrantRequest {
  if (refresh_token === undefined) throw new GrantRefusedError('no_refresh_token');
  return { grant: 'refresh_token', parameters: defined({ refresh_token, ...more }) };
}

/** RFC 8693, 2.1. */
export function exchangeRequest(settings: Oauth2Settings): GrantRequest {
  const { scope, resource, audience, subject_token, subject_token_type = 'access_token', actor_token } = settings;
  const { requested_token_type } = settings;
  const actorType = actor_token === undefined ? undefined : (settings.actor_token_type ?? 'access_token');
  const parameters = {
    scope,
    resource,
    audience,
    subject_token,
    subject_token_type: tokenTypeUri(subject_token_type),
    actor_token,
    actor_token_type: actorType === undefined ? undefined : tokenTypeUri(actorType),
    requested_token_type: requested_token_type === undefined ? undefined : tokenTypeUri(requested_token_type),
  };
  return { grant: TOKEN_EXCHANGE, parameters: defined(parameters) };
}

export function defined(parameters: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
