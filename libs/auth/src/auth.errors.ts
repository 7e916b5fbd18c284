import { ComposerError } from '#kernel';

/** Thrown where an unchecked block is used. Registration reports the same as a fault. */
export class UnknownStrategyError extends ComposerError {
  constructor(name: string, known: Iterable<string>) {
    super('COMPOSER_AUTH_UNKNOWN_STRATEGY', unknownStrategy(name, known), { status: 422 });
  }
}

export function unknownStrategy(name: string, known: Iterable<string>): string {
  return `no auth strategy "${name.slice(0, 64)}"; known: ${[...known].sort().join(', ')}`;
}

/** Thrown where every principal has a credential of its own, and nobody is named: the composer itself has none. */
export class PrincipalMissingError extends ComposerError {
  constructor() {
    super('COMPOSER_PRINCIPAL_MISSING', 'every user connects this server for themselves; nobody is named here', {
      status: 401,
    });
  }
}
