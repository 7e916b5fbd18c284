import { EgressHttp } from '#egress';
import { Clock, parseUrl } from '#kernel';
import { Injectable } from '@nestjs/common';
import { createLocalJWKSet } from 'jose';
import { z } from 'zod';
import { KeptDocuments } from './kept-documents.js';
import { IssuerUnavailableError } from './tokens.errors.js';

const metadataSchema = z.object({
  issuer: z.string(),
  jwks_uri: z.string().optional(),
  introspection_endpoint: z.string().optional(),
  authorization_endpoint: z.string().optional(),
  token_endpoint: z.string().optional(),
  userinfo_endpoint: z.string().optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});

/** What an issuer tells about itself (RFC 8414, 2; OpenID Connect Discovery 1.0, 3), as far as we ask. */
export type IssuerMetadata = z.infer<typeof metadataSchema>;

export type IssuerKeys = ReturnType<typeof createLocalJWKSet>;

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 512 * 1024;
const LIMITS = { freshMs: 300_000, staleMs: 3_600_000, pauseMs: 10_000, atMost: 500 };

/**
 * The metadata and the keys of issuers, fetched through the guard alone and kept for five minutes. A key that is taken
 * out of use is refused after that, or after an hour if the issuer cannot be reached; a new one is looked for when a token
 * names it, at most every ten seconds.
 */
@Injectable()
export class IssuerDocuments {
  private readonly metadata: KeptDocuments<IssuerMetadata>;
  private readonly keys: KeptDocuments<IssuerKeys>;

  constructor(
    private readonly http: EgressHttp,
    clock: Clock,
  ) {
    this.metadata = new KeptDocuments({ ...LIMITS, clock });
    this.keys = new KeptDocuments({ ...LIMITS, clock });
  }

  /**
   * The metadata of an issuer that calls itself exactly so.
   * @param configUrl where it is, if that was told; else it is looked for at the well-known places
   * @throws IssuerUnavailableError
   */
  async metadataOf(issuer: string, configUrl?: string): Promise<IssuerMetadata> {
    const places = configUrl === undefined ? wellKnown(issuer) : [configUrl];
    return this.metadata.get(JSON.stringify([issuer, ...places]), async () => {
      let failure: unknown;
      for (const place of places) {
        const found = await this.fetch(place, metadataSchema).catch((error: unknown) => void (failure = error));
        // RFC 8414, 3.3: what calls itself otherwise is somebody else's, and is not used.
        if (found?.issuer === issuer) return found;
      }
      throw new IssuerUnavailableError(failure);
    });
  }

  /** @throws IssuerUnavailableError */
  async keysAt(url: string): Promise<IssuerKeys> {
    return this.keys.get(url, () => this.fetchKeys(url));
  }

  /** As `keysAt`, for a token whose key is not among those that are kept. */
  async newKeysAt(url: string): Promise<IssuerKeys> {
    return this.keys.again(url, () => this.fetchKeys(url));
  }

  private async fetchKeys(url: string): Promise<IssuerKeys> {
    return createLocalJWKSet(await this.fetch(url, jwksSchema));
  }

  private async fetch<S extends z.ZodType>(url: string, schema: S): Promise<z.infer<S>> {
    try {
      const headers = { accept: 'application/json' };
      const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
      const { status, body } = await this.http.request({ method: 'GET', url, headers, ...limits });
      if (status !== 200) throw new Error(`the issuer answered with status ${status}`);
      return schema.parse(JSON.parse(body.toString('utf8')));
    } catch (error) {
      throw new IssuerUnavailableError(error);
    }
  }
}

/** RFC 8414, 3.1 and 5: before the path of the issuer, then as OpenID Connect does it, before and behind. */
function wellKnown(issuer: string): readonly string[] {
  const url = parseUrl(issuer);
  if (!url) return [];
  const path = url.pathname.replace(/\/+$/, '');
  const before = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${url.origin}/.well-known/${name}${path}`,
  );
  return path === '' ? before : [...before, `${url.origin}${path}/.well-known/openid-configuration`];
}
