import type { IncomingMessage } from 'node:http';
import type { Scope } from '#tenancy';

/** Tells clients how to get a credential for more. The application provides it: the gateway does not know credentials. */
export abstract class ScopeChallenge {
  /** The value of `WWW-Authenticate` (RFC 6750, 3.1) for a request that needs all of `scopes`. */
  abstract challengeFor(request: IncomingMessage, scopes: readonly Scope[]): string;
}
