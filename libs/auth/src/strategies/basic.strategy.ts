import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';

const userId = z
  .string()
  .min(1, 'is empty')
  .max(1024)
  .refine((name) => !name.includes(':'), 'holds a colon, which RFC 7617 forbids');

const settings = z
  .strictObject({
    username: userId.optional().describe('who; without a colon'),
    apikey: userId
      .optional()
      .describe('in place of `username`, for services that take a key there; one of the two is required'),
    password: z.string().max(4096).describe('may be empty'),
  })
  .superRefine(({ username, apikey }, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (username === undefined && apikey === undefined)
      fault('username', 'is missing, and there is no "apikey" either');
    if (username !== undefined && apikey !== undefined) fault('apikey', 'stands in the place of "username": give one');
  });
type Settings = z.infer<typeof settings>;

/**
 * RFC 7617, always in UTF-8. A name can be read by whoever may see the server; a key that stands in its place (Stripe,
 * GitHub) is a secret like the password.
 */
@Injectable()
export class BasicStrategy implements AuthStrategy<Settings> {
  readonly name = 'basic';
  readonly settings = settings;
  readonly secrets = ['apikey', 'password'];

  async authorize(_use: CredentialUse, { username, apikey, password }: Settings): Promise<RequestPatch> {
    const pair = `${apikey ?? username}:${password}`;
    return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
  }
}
