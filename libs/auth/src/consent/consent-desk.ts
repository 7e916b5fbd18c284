import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuditTrail } from '#audit';
import { type ListenConfig, listenConfig } from '#config';
import { BrowserForms, html, readBody, sendOn, sendPage } from '#pages';
import { actorOf } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import type { ConnectableWish } from './connectable-members.js';
import { type Connection, Connections } from './connections.js';
import type { ConsentTerms } from './consent-flow.js';
import { consentPage } from './consent-page.js';
import { ConsentStates } from './consent-states.js';
import { ConsentBrokenError } from './consent.errors.js';
import type { Visitor } from './visitors.js';
import { mustBeWebAddress } from './web-address.js';

export interface ConsentVisit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly visitor: Visitor;
  readonly wish: ConnectableWish;
}

const MAX_BYTES = 8 * 1024;

/** Asks a person whether the composer may act for them at a member, before anything is sent to the issuer. */
@Injectable()
export class ConsentDesk {
  constructor(
    @Inject(listenConfig.KEY) private readonly config: Pick<ListenConfig, 'publicUrl'>,
    private readonly connections: Connections,
    private readonly states: ConsentStates,
    private readonly forms: BrowserForms,
    private readonly trail: AuditTrail,
  ) {}

  get redirectUri(): string {
    return `${this.config.publicUrl}/connect/callback`;
  }

  async show(visit: ConsentVisit): Promise<void> {
    const { request, response, visitor } = visit;
    const { connection, terms, about } = await this.question(visit);
    const page = consentPage({
      visitor,
      terms,
      member: connection.member,
      isShared: connection.isShared,
      redirectUri: this.redirectUri,
      action: request.url ?? '',
      csrf: this.forms.proofFor(request, response, about),
    });
    sendPage(response, page);
  }

  async decide(visit: ConsentVisit): Promise<void> {
    const { request, response } = visit;
    const form = new URLSearchParams((await readBody(request, MAX_BYTES)) ?? '');
    const { connection, terms, about } = await this.question(visit);
    // What was shown is what is agreed to: whatever has changed meanwhile makes it another form.
    if (!this.forms.isOurs(request, about, form.get('csrf') ?? '')) {
      throw new ConsentBrokenError(
        'this form does not come from the page that asked you, or is out of date; open it again',
      );
    }
    const decision = form.get('decision');
    if (decision === 'refuse') return this.refuse(visit, terms);
    if (decision !== 'allow') throw new ConsentBrokenError('this form says neither yes nor no');
    const next = await this.begin(visit, connection);
    await this.note(visit, 'consent.begun', terms);
    sendOn(response, next);
  }

  private async question({ visitor, wish }: ConsentVisit): Promise<{
    readonly connection: Connection;
    readonly terms: ConsentTerms;
    readonly about: readonly string[];
  }> {
    const { principal } = visitor;
    const connection = await this.connections.get(principal, wish);
    const terms = await connection.flow.describe(connection.use, connection.member.block.settings);
    const { issuer, scopes, redirectHost } = terms;
    const about = [principal.tenantId, principal.id, wish.serverId, wish.tool ?? '', connection.digest, issuer];
    return { connection, terms, about: ['connect', ...about, redirectHost, scopes.join(' ')] };
  }

  private async begin(
    { response, visitor: { principal }, wish }: ConsentVisit,
    connection: Connection,
  ): Promise<string> {
    const { flow, use, member, digest } = connection;
    const { tenantId, id: principalId } = principal;
    const { serverId, tool } = wish;
    const underWay = { tenantId, principalId, serverId, ...(tool === undefined ? {} : { tool }), digest };
    const next = await this.states.open(response, underWay, ({ state }) =>
      flow.begin(use, member.block.settings, { redirectUri: this.redirectUri, state }),
    );
    mustBeWebAddress(next);
    return next;
  }

  private async refuse(visit: ConsentVisit, terms: ConsentTerms): Promise<void> {
    await this.note(visit, 'consent.refused', terms);
    sendPage(visit.response, {
      title: 'Not connected',
      body: html`<p>You have refused. Nothing was sent to anybody. You can close this page.</p>`,
    });
  }

  private async note(
    { visitor: { principal }, wish }: ConsentVisit,
    action: 'consent.begun' | 'consent.refused',
    { issuer }: ConsentTerms,
  ): Promise<void> {
    await this.trail.record(principal.tenantId, {
      action,
      ...(action === 'consent.refused' ? { outcome: 'refused' } : {}),
      actor: actorOf(principal),
      target: `server:${wish.serverId}`,
      detail: { issuer, principal: principal.id, ...(wish.tool === undefined ? {} : { tool: wish.tool }) },
    });
  }
}
