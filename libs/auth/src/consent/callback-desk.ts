import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuditTrail } from '#audit';
import { ComposerError } from '#kernel';
import { html, sendPage } from '#pages';
import { actorOf } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { Connections } from './connections.js';
import { ConsentStates, type ResumedConsent } from './consent-states.js';
import { ConsentBrokenError } from './consent.errors.js';
import type { Visitor } from './visitors.js';

export interface CallbackVisit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined if nobody is signed in any more. */
  readonly visitor: Visitor | undefined;
}

const NOT_YOURS =
  'this answer does not belong to a consent that you have begun in this browser, or it is too old, or was used already; open the link in your client again';

/**
 * Where issuers send people back to. What they bring counts once, in the browser that has begun and for the person who
 * has; before that is certain, nothing goes to anybody.
 */
@Injectable()
export class CallbackDesk {
  constructor(
    private readonly connections: Connections,
    private readonly states: ConsentStates,
    private readonly trail: AuditTrail,
  ) {}

  async handle({ request, response, visitor }: CallbackVisit): Promise<void> {
    const params = paramsOf(request.url ?? '');
    // Whoever comes with it, it is used up.
    const begun = await this.states.resume(request, response, params.get('state') ?? '');
    if (!begun || !visitor || !isOwn(begun, visitor)) throw new ConsentBrokenError(NOT_YOURS);
    try {
      await this.finish(begun, visitor, params);
    } catch (error) {
      await this.noteRefusal(begun, visitor, error);
      throw error;
    }
    const body = html`<p>The server <strong>${begun.serverId}</strong> of ${visitor.tenantName} is connected.</p>
      <p>Go back to your client and try again. You can close this page.</p>`;
    sendPage(response, { title: 'Connected', body });
  }

  private async finish(begun: ResumedConsent, { principal }: Visitor, params: URLSearchParams): Promise<void> {
    const { kept, standIn, digest, serverId, tool } = begun;
    const wish = { serverId, ...(tool === undefined ? {} : { tool }) };
    const connection = await this.connections.get(principal, wish);
    if (connection.digest !== digest) {
      throw new ConsentBrokenError('the server was changed meanwhile; open the link in your client again');
    }
    const callbackParams = new URLSearchParams(params);
    callbackParams.set('state', standIn);
    const { flow, use, member } = connection;
    await flow.finish(use, member.block.settings, { kept, callbackParams, by: actorOf(principal) });
  }

  private async noteRefusal({ serverId }: ResumedConsent, { principal }: Visitor, error: unknown): Promise<void> {
    const reason = error instanceof ComposerError ? error.code : 'COMPOSER_INTERNAL';
    await this.trail.record(principal.tenantId, {
      action: 'consent.refused',
      outcome: 'failed',
      actor: actorOf(principal),
      target: `server:${serverId}`,
      detail: { principal: principal.id, reason },
    });
  }
}

const isOwn = ({ tenantId, principalId }: ResumedConsent, { principal }: Visitor): boolean =>
  principal.tenantId === tenantId && principal.id === principalId;

/** RFC 6749, 3.1: parameters may not be repeated; of two, one would be a guess. */
function paramsOf(url: string): URLSearchParams {
  const params = new URLSearchParams(url.split(/\?(.*)/s)[1] ?? '');
  if (new Set(params.keys()).size !== params.size) throw new ConsentBrokenError('this answer says something twice');
  return params;
}
