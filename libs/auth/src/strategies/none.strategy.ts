import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';

const settings = z.strictObject({}, 'takes no settings');
type Settings = z.infer<typeof settings>;

/** A member that asks for nothing. Has to be said: a member without `auth_strategy` but with `auth` is refused. */
@Injectable()
export class NoneStrategy implements AuthStrategy<Settings> {
  readonly name = 'none';
  readonly settings = settings;
  readonly secrets = [];

  async authorize(): Promise<RequestPatch> {
    return {};
  }
}
