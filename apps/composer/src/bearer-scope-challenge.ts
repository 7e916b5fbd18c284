import type { IncomingMessage } from 'node:http';
import { Challenges } from '#access';
import { ScopeChallenge } from '#gateway';
import type { Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';

/** The challenges of access, for calls over MCP. */
@Injectable()
export class BearerScopeChallenge extends ScopeChallenge {
  constructor(private readonly challenges: Challenges) {
    super();
  }

  override challengeFor(request: IncomingMessage, scopes: readonly Scope[]): string {
    return this.challenges.forScopes(request, scopes);
  }
}
