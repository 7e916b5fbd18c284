import { type Page, html } from '#pages';
import type { ConnectableMember } from './connectable-members.js';
import type { ConsentTerms } from './consent-flow.js';
import type { Visitor } from './visitors.js';

export interface ConsentQuestion {
  readonly visitor: Visitor;
  readonly member: ConnectableMember;
  readonly terms: ConsentTerms;
  /** Everybody of the tenant will use what is given here. */
  readonly isShared: boolean;
  readonly redirectUri: string;
  readonly action: string;
  readonly csrf: string;
}

/** Asks a person whether the composer may act for them at a member, and shows what there is to judge by. */
export function consentPage({ visitor, member, terms, isShared, redirectUri, action, csrf }: ConsentQuestion): Page {
  const { serverId } = member.use.member;
  const { scopes, clientName, issuer, redirectHost } = terms;
  return {
    title: `Connect ${member.label}?`,
    body: html`<p>
        <strong>${clientName}</strong> at <strong>${new URL(redirectUri).host}</strong> wants to call
        <strong>${member.label}</strong> ${isShared ? 'for everybody of' : 'for you at'}
        <strong>${visitor.tenantName}</strong>.
      </p>
      ${
        isShared &&
        html`<p class="warning">
          Everybody who may use this server will act with the account that you sign in with there. What is connected now
          is replaced.
        </p>`
      }
      <p>Go on only if you have asked for this yourself just now, and if you are the person named here.</p>
      <dl>
        <dt>You are</dt>
        <dd>${visitor.name}</dd>
        <dt>Tenant</dt>
        <dd>${visitor.tenantName} (${visitor.tenantSlug})</dd>
        <dt>Server</dt>
        <dd>${serverId}${member.use.tool !== undefined && html`, tool ${member.use.tool}`}</dd>
        <dt>Its host</dt>
        <dd>${member.use.endpoint.host}</dd>
        <dt>You agree at</dt>
        <dd>${redirectHost}</dd>
        <dt>Issuer</dt>
        <dd>${issuer}</dd>
        <dt>It may</dt>
        <dd>${scopes.length === 0 ? 'what the issuer decides' : scopes.join(' ')}</dd>
        <dt>Goes back to</dt>
        <dd>${new URL(redirectUri).host}</dd>
      </dl>
      <form method="post" action="${action}">
        <input type="hidden" name="csrf" value="${csrf}" />
        <button name="decision" value="allow">Allow and go on</button>
        <button name="decision" value="refuse">Refuse</button>
      </form>`,
  };
}
