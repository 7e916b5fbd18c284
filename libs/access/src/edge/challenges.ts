import type { IncomingMessage } from 'node:http';
import { type ListenConfig, listenConfig } from '#config';
import type { ComposerError } from '#kernel';
import { SCOPES, type Scope } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { MalformedCredentialError } from '../access.errors.js';
import { type ChallengeParts, bearerChallenge } from './challenge.js';
import { parseMcpPath, resourceMetadataUrl } from './mcp-resource.js';
import { presentedCredential } from '../identity/presented-credential.js';

type Asked = Pick<IncomingMessage, 'headers' | 'url'>;

const MCP_SCOPES: readonly Scope[] = ['mcp'];
const INVALID_TOKEN = 'the credential is not valid here, or no longer';

/** Tells clients, with a refusal, how to get a credential that would do (RFC 6750, 3; RFC 9728, 5). */
@Injectable()
export class Challenges {
  constructor(@Inject(listenConfig.KEY) private readonly listen: ListenConfig) {}

  /** The value of `WWW-Authenticate` that goes with this refusal; undefined for those that another credential would not change. */
  forRefusal(error: Pick<ComposerError, 'code' | 'status' | 'message'>, request: Asked): string | undefined {
    if (error.status === 401) return this.challenge(request, wasPresented(request) ? invalidToken : {});
    if (error.code === 'COMPOSER_CREDENTIAL_MALFORMED') {
      return this.challenge(request, { error: 'invalid_request', description: error.message });
    }
    if (error.code !== 'COMPOSER_SCOPE_INSUFFICIENT') return undefined;
    return this.forScopes(request, scopesOf(error));
  }

  /** For a credential that is good, but not for an operation that needs all of `scopes`. */
  forScopes(request: Asked, scopes: readonly Scope[]): string {
    const description = `this needs the scope: ${scopes.join(' ')}`;
    return this.challenge(request, { error: 'insufficient_scope', description, scopes });
  }

  private challenge({ url = '' }: Asked, parts: Partial<ChallengeParts>): string {
    const path = parseMcpPath(url);
    return bearerChallenge({
      // The API is opened by a token for the tenant's whole endpoint.
      resourceMetadata: resourceMetadataUrl(this.listen.publicUrl, path ?? { path: '' }),
      scopes: path ? MCP_SCOPES : SCOPES,
      ...parts,
    });
  }
}

const invalidToken = { error: 'invalid_token', description: INVALID_TOKEN } as const;

function wasPresented({ headers }: Asked): boolean {
  try {
    return presentedCredential(headers) !== undefined;
  } catch (error) {
    if (error instanceof MalformedCredentialError) return true;
    throw error;
  }
}

/** Errors of other libs carry them too; the code says so. */
function scopesOf(error: object): readonly Scope[] {
  const { scopes } = error as { readonly scopes?: unknown };
  return Array.isArray(scopes) ? (scopes as readonly Scope[]) : SCOPES;
}
