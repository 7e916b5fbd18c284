import type { IncomingMessage } from 'node:http';
import { readBody } from '#pages';
import { Injectable } from '@nestjs/common';
import { ClientAddress } from '../identity/client-address.js';
import { sanitizeRegistration } from './registration-request.js';
import { RegistrationThrottle } from './registration-throttle.js';

const MAX_BYTES = 16 * 1024;

export type Registration =
  { readonly body: string } | { readonly status: number; readonly refusal: object; readonly retryAfter?: number };

/** Reads requests to register a client: bounded in size and number, and cut down to what a client may say of itself. */
@Injectable()
export class RegistrationDesk {
  constructor(
    private readonly throttle: RegistrationThrottle,
    private readonly addresses: ClientAddress,
  ) {}

  async read(request: IncomingMessage): Promise<Registration> {
    const retryAfter = this.throttle.delay(this.addresses.sourceOf(request));
    if (retryAfter > 0) {
      const error_description = 'too many registrations; try again later';
      return { status: 429, retryAfter, refusal: { error: 'temporarily_unavailable', error_description } };
    }
    const text = await readBody(request, MAX_BYTES);
    if (text === undefined) return { status: 413, refusal: refusal('the request is too large') };
    const body = jsonOf(text);
    const sanitized = sanitizeRegistration(body);
    if ('metadata' in sanitized) return { body: JSON.stringify(sanitized.metadata) };
    const { error, text: error_description } = sanitized.fault;
    return { status: 400, refusal: { error, error_description } };
  }
}

const refusal = (error_description: string) => ({ error: 'invalid_client_metadata', error_description });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
