import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';
import { requiredHeaderText } from '../wire-text.js';

const settings = z.strictObject({
  token: requiredHeaderText.describe('the token'),
  auth_prefix: requiredHeaderText.default('Bearer').describe('the scheme before it'),
});
type Settings = z.infer<typeof settings>;

/** A fixed token that the tenant pasted in (RFC 6750 2.1). It never renews. */
@Injectable()
export class BearerStrategy implements AuthStrategy<Settings> {
  readonly name = 'bearer';
  readonly settings = settings;
  readonly secrets = ['token'];

  async authorize(_use: CredentialUse, { token, auth_prefix }: Settings): Promise<RequestPatch> {
    return { headers: { authorization: `${auth_prefix} ${token}` } };
  }
}
