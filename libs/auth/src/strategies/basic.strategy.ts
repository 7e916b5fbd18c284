import { isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';

const userId = z
  .string()
  .max(1024)
  .refine((name) => !name.includes(':'), 'holds a colon, which RFC 7617 forbids');

/** Whatever else is wrong: all faults are told at once. */
const isRead = ({ value }: { readonly value: unknown }): boolean => isObject(value);

const settings = z
  .strictObject({
    username: userId.optional().describe('who; without a colon; may be empty beside a password'),
    apikey: userId
      .min(1, 'is empty')
      .optional()
      .describe('in place of `username`, for services that take a key there; one of the two is required'),
    password: z.string().max(4096).describe('may be empty'),
  })
  .refine(({ username, apikey }) => username !== undefined || apikey !== undefined, {
    path: ['username'],
    error: 'is missing, and there is no "apikey" either',
    when: isRead,
  })
  .refine(({ username, apikey }) => username === undefined || apikey === undefined, {
    path: ['apikey'],
    error: 'stands in the place of "username": give one',
    when: isRead,
  })
  .refine(({ username, password }) => username !== '' || password !== '', {
    path: ['password'],
    error: 'is empty, and so is "username"',
    when: isRead,
  });
type Settings = z.infer<typeof settings>;

/**
 * RFC 7617, always in UTF-8. A name can be read by whoever may see the server; a key that stands in its place (Stripe,
 * GitHub) is a secret like the password. A name may be empty (RFC 7617, 2), as for tokens of Azure DevOps.
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
