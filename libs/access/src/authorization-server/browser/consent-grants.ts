import { randomBytes } from 'node:crypto';
import type { PrincipalId } from '#kernel';
import { SCOPES } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { Interaction, Provider } from 'oidc-provider';
import { SIGN_IN, type SignInRecord } from '../grants/sign-in-record.js';
import { IssuerDirectory } from '../issuer-directory.js';
import { GRANT_SECONDS } from '../provider-settings.js';
import { SealedRecords } from '../records/sealed-records.js';
import { SignInBrokenError } from '../sign-in/sign-in.errors.js';
import type { SignInPurpose, SignInState } from '../sign-in/sign-in-states.js';
import { TenantProviders } from '../tenant-providers.js';
import { requestedResources, requestedScopes } from './requested.js';

type Consent = Extract<SignInPurpose, { kind: 'consent' }>;

/** Brings a consent to its end, once it is known who has given it. */
@Injectable()
export class ConsentGrants {
  constructor(
    private readonly directory: IssuerDirectory,
    private readonly providers: TenantProviders,
    private readonly records: SealedRecords,
  ) {}

  /** Makes the grant, and gives the address where the authorization goes on. @throws SignInBrokenError */
  async complete(kept: SignInState, consent: Consent, signIn: SignInRecord): Promise<string> {
    const { provider, interaction } = await this.find(kept, consent);
    const grantId = randomBytes(32).toString('base64url');
    await this.records.write(
      { tenantId: kept.tenantId, kind: SIGN_IN, name: grantId },
      { payload: signIn, seconds: GRANT_SECONDS, grantId },
    );
    await saveGrant(provider, { grantId, accountId: signIn.principalId }, interaction);
    interaction.result = { login: { accountId: signIn.principalId, remember: false }, consent: { grantId } };
    await interaction.persist();
    return interaction.returnTo;
  }

  /** Ends the authorization with an OAuth error, and gives the address where the application learns of it. */
  async fail(kept: SignInState, consent: Consent, error: string): Promise<string> {
    const { interaction } = await this.find(kept, consent);
    interaction.result = { error, error_description: 'nobody has signed in' };
    await interaction.persist();
    return interaction.returnTo;
  }

  private async find(
    { tenantId, slug }: SignInState,
    { uid, clientId }: Consent,
  ): Promise<{ readonly provider: Provider; readonly interaction: Interaction }> {
    const issuer = await this.directory.bySlug(slug);
    const provider = issuer?.tenant.id === tenantId ? await this.providers.get(issuer) : undefined;
    const interaction = await provider?.Interaction.find(uid);
    if (!provider || !interaction || interaction.result || interaction.params['client_id'] !== clientId) {
      throw new SignInBrokenError('what you signed in for is over; start again in the application');
    }
    return { provider, interaction };
  }
}

async function saveGrant(
  { Grant }: Provider,
  { grantId, accountId }: { readonly grantId: string; readonly accountId: PrincipalId },
  { params }: Interaction,
): Promise<void> {
  const grant = new Grant({ accountId, clientId: String(params['client_id']) });
  grant.jti = grantId;
  const scopes = requestedScopes(params, SCOPES);
  for (const resource of requestedResources(params)) grant.addResourceScope(resource, [...scopes]);
  if (requestedScopes(params, ['openid']).length > 0) grant.addOIDCScope('openid');
  await grant.save();
}
