import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';
import { requiredHeaderText } from '../wire-text.js';

const settings = z.strictObject({
  token: requiredHeaderText.describe('the token'),
  auth_prefix: requiredHeaderText.optional().describe('the scheme before it; without one the token stands alone'),
});
type Settings = z.infer<typeof settings>;

/** A token under the service's own scheme: `Authorization: apiToken <token>`; the bare token without a prefix. */
@Injectable()
export class ApiTokenStrategy implements AuthStrategy<Settings> {
  readonly name = 'apitoken';
  readonly aliases = ['api_token'];
  readonly settings = settings;
  readonly secrets = ['token'];

  async authorize(_use: CredentialUse, { token, auth_prefix }: Settings): Promise<RequestPatch> {
    return { headers: { authorization: auth_prefix ? `${auth_prefix} ${token}` : token } };
  }
}
