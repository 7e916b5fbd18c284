import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';

const settings = z.strictObject({
  username: z
    .string()
    .min(1, 'is empty')
    .max(1024)
    .refine((name) => !name.includes(':'), 'holds a colon, which RFC 7617 forbids')
    .describe('who; without a colon'),
  password: z.string().max(4096).describe('may be empty'),
});
type Settings = z.infer<typeof settings>;

/** RFC 7617, always in UTF-8. */
@Injectable()
export class BasicStrategy implements AuthStrategy<Settings> {
  readonly name = 'basic';
  readonly settings = settings;
  readonly secrets = ['password'];

  async authorize(_use: CredentialUse, { username, password }: Settings): Promise<RequestPatch> {
    return { headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` } };
  }
}
