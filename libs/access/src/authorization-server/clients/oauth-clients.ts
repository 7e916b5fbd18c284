import { randomBytes } from 'node:crypto';
import { Clock, type TenantId, faultsOf, principalId } from '#kernel';
import { type Actor, type Principal, SCOPES, actorOf } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { isId } from '../../access-input.js';
import { authorityOf, refuseGrant, refuseScopes } from '../../authority.js';
import { PrincipalStore } from '../../principals/principal.store.js';
import { REGISTERED_CLIENT } from '../provider-adapter.js';
import { SealedRecords } from '../records/sealed-records.js';
import { InvalidOauthClientError, TooManyOauthClientsError, UnknownOauthClientError } from './oauth-client.errors.js';
import { type OauthClientInput, oauthClientSchema } from './oauth-client.schema.js';
import type { RegisteredClient } from './registered-client.js';

/** A client as the API shows it: never with its secret. */
export interface OauthClientView {
  readonly client_id: string;
  readonly name: string;
  readonly redirect_uris: readonly string[];
  readonly grant_types: readonly string[];
  readonly token_endpoint_auth_method: string;
  readonly scope: string;
  readonly principal_id?: string;
  readonly created_at: string;
}

const MAX_CLIENTS = 200;

/** The OAuth clients that administrators register, besides those that come by themselves. */
@Injectable()
export class OauthClients {
  constructor(
    private readonly records: SealedRecords,
    private readonly principals: PrincipalStore,
    private readonly clock: Clock,
  ) {}

  async list(tenantId: TenantId): Promise<readonly OauthClientView[]> {
    const clients = await this.records.list<RegisteredClient>({ tenantId, kind: REGISTERED_CLIENT }, MAX_CLIENTS);
    return clients.map(viewOf);
  }

  /**
   * Shows the secret this once, for those that have one.
   * @throws InvalidOauthClientError, ForbiddenGrantError, TooManyOauthClientsError
   */
  async create(by: Principal, input: unknown): Promise<OauthClientView & { readonly client_secret?: string }> {
    const { tenantId } = by;
    const parsed = oauthClientSchema.safeParse(input);
    if (!parsed.success) throw new InvalidOauthClientError(faultsOf(parsed.error.issues));
    refuseScopes(
      authorityOf(by),
      SCOPES.filter((one) => parsed.data.scope.split(' ').includes(one)),
    );
    await this.checkPrincipal(by, parsed.data);
    if ((await this.list(tenantId)).length >= MAX_CLIENTS) throw new TooManyOauthClientsError(MAX_CLIENTS);

    const client = clientOf(parsed.data, new Date(this.clock.now()));
    const view = viewOf(client);
    await this.records.write({ tenantId, kind: REGISTERED_CLIENT, name: client.client_id }, { payload: client }, [
      { action: 'oauth_client.created', actor: actorOf(by), target: targetOf(client.client_id), after: { ...view } },
    ]);
    const { client_secret } = client.metadata;
    return { ...view, ...(client_secret === undefined ? {} : { client_secret }) };
  }

  /** From now on none of its tokens is good for anything. @throws UnknownOauthClientError */
  async remove(tenantId: TenantId, id: string, actor: Actor): Promise<void> {
    const place = { tenantId, kind: REGISTERED_CLIENT, name: id };
    const client = await this.records.find<RegisteredClient>(place);
    const event = { action: 'oauth_client.deleted', actor, target: targetOf(id) };
    const isGone = client && (await this.records.destroy(place, [{ ...event, before: { ...viewOf(client) } }]));
    if (!isGone) throw new UnknownOauthClientError();
  }

  /** A client gets the rights of its principal, so nobody makes one for a principal that stands above them. */
  private async checkPrincipal(by: Principal, { principal_id }: OauthClientInput): Promise<void> {
    if (principal_id === undefined) return;
    const isOne = isId(principal_id);
    const principal = isOne ? await this.principals.find(by.tenantId, principalId(principal_id)) : undefined;
    if (principal?.kind !== 'service') {
      throw new InvalidOauthClientError([{ path: 'principal_id', message: 'is no service principal of this tenant' }]);
    }
    refuseGrant(authorityOf(by), principal.roles);
  }
}

function clientOf(input: OauthClientInput, createdAt: Date): RegisteredClient {
  const { name, redirect_uris, principal_id, token_endpoint_auth_method: method, scope, jwks } = input;
  const client_id = `mcpc-client-${randomBytes(16).toString('hex')}`;
  const hasSecret = method.startsWith('client_secret');
  const signsIn = redirect_uris.length > 0;
  return {
    client_id,
    name,
    createdAt: createdAt.toISOString(),
    ...(principal_id === undefined ? {} : { principalId: principalId(principal_id) }),
    metadata: {
      client_id,
      client_name: name,
      redirect_uris,
      response_types: signsIn ? ['code'] : [],
      grant_types: [
        ...(signsIn ? ['authorization_code', 'refresh_token'] : []),
        ...(principal_id === undefined ? [] : ['client_credentials']),
      ],
      token_endpoint_auth_method: method,
      scope,
      ...(hasSecret ? { client_secret: randomBytes(32).toString('base64url') } : {}),
      ...(jwks === undefined ? {} : { jwks }),
    },
  };
}

function viewOf({ client_id, name, principalId: principal, metadata, createdAt }: RegisteredClient): OauthClientView {
  const { redirect_uris, grant_types, token_endpoint_auth_method, scope } = metadata;
  const acts = principal === undefined ? {} : { principal_id: principal };
  return {
    client_id,
    name,
    redirect_uris: [...redirect_uris],
    grant_types: [...grant_types],
    token_endpoint_auth_method,
    scope,
    ...acts,
    created_at: createdAt,
  };
}

const targetOf = (id: string): string => `oauth_client:${id}`;
