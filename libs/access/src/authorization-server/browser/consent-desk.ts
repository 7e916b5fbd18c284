import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuditTrail } from '#audit';
import { BrowserCookies, html, readBody, sendOn, sendPage } from '#pages';
import { HandleSealer } from '#persistence';
import { SCOPES, SYSTEM } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { Client, Interaction, Provider } from 'oidc-provider';
import type { TenantIssuer } from '../issuer-directory.js';
import { type ConsentQuestion, consentPage } from '../pages/consent-page.js';
import { REGISTERED_CLIENT } from '../provider-adapter.js';
import { SealedRecords } from '../records/sealed-records.js';
import { SignIn } from '../sign-in/sign-in.js';
import { SignInBrokenError, SignInUnavailableError } from '../sign-in/sign-in.errors.js';
import { STATE_SECONDS } from '../sign-in/sign-in-states.js';
import { explain } from './explain.js';
import { requestedResources, requestedScopes } from './requested.js';

export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly issuer: TenantIssuer;
  readonly provider: Provider;
  /** Of the interaction, as the path names it. */
  readonly uid: string;
}

const PURPOSE = 'consent-form';
const MAX_BYTES = 8 * 1024;

/**
 * Asks a person whether a client may act for them, before anything is sent to the identity provider. The interaction is
 * this browser's: its signed cookie says so. The form is ours: it carries a value that only the page could know.
 */
@Injectable()
export class ConsentDesk {
  constructor(
    private readonly trail: AuditTrail,
    private readonly handles: HandleSealer,
    private readonly records: SealedRecords,
    private readonly signIn: SignIn,
    private readonly cookies: BrowserCookies,
  ) {}

  async handle(asked: Asked): Promise<void> {
    const { request, response } = asked;
    try {
      const interaction = await interactionOf(asked);
      if (request.method === 'POST') await this.decide(asked, interaction);
      else await this.show(asked, interaction);
    } catch (error) {
      explain(response, error);
    }
  }

  private async show(asked: Asked, interaction: Interaction): Promise<void> {
    const { response, issuer } = asked;
    try {
      sendPage(response, consentPage(await this.question(asked, interaction)));
    } catch (error) {
      if (!(error instanceof SignInUnavailableError)) throw error;
      const returnTo = await settle(asked, 'temporarily_unavailable', error.message);
      const body = html`<p>${error.message}.</p>
        <p>
          An administrator of ${issuer.tenant.name} can change that. <a href="${returnTo}">Back to the application</a>
        </p>`;
      sendPage(response, { title: 'Nobody can sign in here yet', status: 503, body });
    }
  }

  private async decide(asked: Asked, interaction: Interaction): Promise<void> {
    const { request, response, issuer, uid } = asked;
    const form = new URLSearchParams((await readBody(request, MAX_BYTES)) ?? '');
    const { origin = new URL(issuer.issuer).origin } = request.headers;
    const isOurs = this.handles.open(PURPOSE, form.get('csrf') ?? '') === formOf(issuer, uid);
    if (!isOurs || origin !== new URL(issuer.issuer).origin) {
      throw new SignInBrokenError('this form does not come from the page that asked you');
    }
    const decision = form.get('decision');
    if (decision === 'refuse') return this.refuse(asked, interaction);
    if (decision !== 'allow') throw new SignInBrokenError('this form says neither yes nor no');

    const clientId = String(interaction.params['client_id']);
    const { location, proof } = await this.signIn.begin(issuer, { kind: 'consent', uid, clientId });
    response.setHeader('set-cookie', this.cookies.write(`sign_in_${proof.suffix}`, proof.secret, STATE_SECONDS));
    sendOn(response, location);
  }

  private async refuse(asked: Asked, { params }: Interaction): Promise<void> {
    await this.trail.record(asked.issuer.tenant.id, {
      action: 'consent.refused',
      outcome: 'refused',
      actor: SYSTEM,
      target: `oauth_client:${String(params['client_id'])}`,
    });
    sendOn(asked.response, await settle(asked, 'access_denied', 'the person has refused'));
  }

  private async question(asked: Asked, { params, uid }: Interaction): Promise<ConsentQuestion> {
    const { issuer, provider } = asked;
    const client = await provider.Client.find(String(params['client_id']));
    if (!client) throw new SignInBrokenError('this application is no longer known here');
    return {
      clientId: client.clientId,
      clientName: client.clientName,
      origin: await this.originOf(issuer, client),
      redirectUri: String(params['redirect_uri']),
      tenantName: issuer.tenant.name,
      resources: requestedResources(params),
      scopes: requestedScopes(params, [...SCOPES, 'openid']),
      signInHost: await this.signIn.placeOf(issuer),
      action: `${new URL(issuer.issuer).pathname.replace(/\/$/, '')}/auth/consent/${uid}`,
      csrf: this.handles.seal(PURPOSE, formOf(issuer, uid)),
    };
  }

  private async originOf({ tenant }: TenantIssuer, { clientId }: Client): Promise<ConsentQuestion['origin']> {
    const place = { tenantId: tenant.id, kind: REGISTERED_CLIENT, name: clientId };
    if (await this.records.find(place)) return 'registered';
    return clientId.startsWith('https://') ? 'document' : 'itself';
  }
}

async function interactionOf({ provider, request, response, uid }: Asked): Promise<Interaction> {
  const interaction = await provider.interactionDetails(request, response).catch((error: Error) => {
    // The library's own word for: no cookie, or not one of ours, or too late.
    if (error.name !== 'SessionNotFound') throw error;
    return undefined;
  });
  if (interaction?.uid !== uid || interaction.result) {
    throw new SignInBrokenError('this question was not asked in this browser, is too old, or has been answered');
  }
  return interaction;
}

/** Ends the interaction with an OAuth error, and gives the address where the application learns of it. */
async function settle({ provider, request, response }: Asked, error: string, why: string): Promise<string> {
  const result = { error, error_description: why };
  return provider.interactionResult(request, response, result, { mergeWithLastSubmission: false });
}

const formOf = ({ tenant }: TenantIssuer, uid: string): string => `${tenant.id} ${uid}`;
