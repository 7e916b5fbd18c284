import { isObject } from '#kernel';
import type { IssuerClient } from './issuer-client.js';
import type { IssuerFacts } from './issuer-facts.js';

/** Where an issuer is, and how the composer is known there. */
export interface IssuerContact {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string | undefined;
  readonly client: IssuerClient;
}

export function contactOf(facts: Omit<IssuerFacts, 'authorizationEndpoint'>, client: IssuerClient): IssuerContact {
  const { tokenEndpoint, revocationEndpoint } = facts;
  // RFC 7523, 3: the token endpoint is who reads an assertion where there is no other name.
  const issuer = facts.isNamed ? facts.issuer : tokenEndpoint;
  return { issuer, tokenEndpoint, client, ...(revocationEndpoint === undefined ? {} : { revocationEndpoint }) };
}

/** As it is kept with a token, so that the token can be revoked when the member is gone. */
export function contactFrom(value: unknown): IssuerContact | undefined {
  if (!isObject(value)) return undefined;
  const { issuer, tokenEndpoint, client } = value;
  return typeof issuer === 'string' && typeof tokenEndpoint === 'string' && isObject(client)
    ? (value as unknown as IssuerContact)
    : undefined;
}
