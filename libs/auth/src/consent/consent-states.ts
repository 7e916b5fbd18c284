import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type JsonObject, type PrincipalId, type TenantId, serverId } from '#kernel';
import { BrowserCookies } from '#pages';
import { PendingConsents } from '#token-store';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { ConsentBegin, ConsentBegun } from './consent-flow.js';

/** A consent between the way to the issuer and the way back. */
export interface ConsentUnderWay {
  readonly tenantId: TenantId;
  readonly principalId: PrincipalId;
  readonly serverId: string;
  readonly tool?: string;
  /** Of the connection that was agreed to. */
  readonly digest: string;
}

export interface ResumedConsent extends ConsentUnderWay {
  readonly kept: JsonObject;
  /** What the flow was given in place of the state. */
  readonly standIn: string;
}

/** As long as the record lives. */
const SECONDS = 600;
const payloadSchema = z.strictObject({
  tool: z.string().optional(),
  digest: z.string(),
  standIn: z.string(),
  kept: z.record(z.string(), z.json()),
});

/** Ties a consent to the browser that has agreed to it: a cookie that is set then, and never before. */
@Injectable()
export class ConsentStates {
  constructor(
    private readonly pending: PendingConsents,
    private readonly cookies: BrowserCookies,
  ) {}

  /**
   * Begins with the issuer and remembers what it takes to finish. Gives the address where the person goes on.
   *
   * The state names the record that holds what the flow keeps, so it cannot be there before that: the flow is given a
   * stand-in, which is put in the state's place on the way back.
   */
  async open(
    response: ServerResponse,
    { tenantId, principalId, serverId: server, tool, digest }: ConsentUnderWay,
    begin: (options: Pick<ConsentBegin, 'state'>) => Promise<ConsentBegun>,
  ): Promise<string> {
    const standIn = randomBytes(32).toString('base64url');
    const { authorizationUrl, kept } = await begin({ state: standIn });
    const secret = randomBytes(32).toString('base64url');
    const state = await this.pending.begin({
      tenantId,
      principalId,
      serverId: serverId(server),
      browser: digestOf(secret),
      payload: { digest, standIn, kept, ...(tool === undefined ? {} : { tool }) },
    });
    response.appendHeader('set-cookie', this.cookies.write(cookieOf(state), secret, SECONDS));
    const url = new URL(authorizationUrl);
    url.searchParams.set('state', state);
    return url.href;
  }

  /** Gives it once, and to the browser that has begun it. */
  async resume(request: IncomingMessage, response: ServerResponse, state: string): Promise<ResumedConsent | undefined> {
    const secret = this.cookies.read(request, cookieOf(state));
    if (secret !== undefined) response.appendHeader('set-cookie', this.cookies.write(cookieOf(state), '', 0));
    const found = await this.pending.take(state, digestOf(secret ?? ''));
    if (!found) return undefined;
    const { tool, ...payload } = payloadSchema.parse(found.payload);
    return { ...found, ...payload, ...(tool === undefined ? {} : { tool }) };
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
/** Several consents of one browser do not get in each other's way. */
const cookieOf = (state: string): string => `connect_${digestOf(state).slice(0, 12)}`;
