import { type Html, type Page, html } from '#pages';
import { isLoopbackHost } from '../redirect-uri.js';

export interface ConsentQuestion {
  readonly clientId: string;
  readonly clientName: string | undefined;
  /** `registered`: by an administrator. `itself`: it has registered itself. `document`: known by the address of its document. */
  readonly origin: 'registered' | 'itself' | 'document';
  readonly redirectUri: string;
  readonly tenantName: string;
  readonly resources: readonly string[];
  readonly scopes: readonly string[];
  /** Where the person will sign in. */
  readonly signInHost: string;
  readonly action: string;
  readonly csrf: string;
}

const IN_WORDS: Readonly<Record<string, string>> = {
  mcp: 'see and call the tools that you may use',
  manage: 'manage what you may manage: servers, credentials, people and permissions',
  openid: 'learn under which name you are known here',
};

/** Asks a person whether this client may act for them, and shows what there is to judge by. */
export function consentPage(question: ConsentQuestion): Page {
  const { clientName, tenantName, resources, scopes, signInHost, action, csrf, redirectUri } = question;
  const redirect = new URL(redirectUri);
  const known = clientName === undefined || clientName === '' ? 'An application without a name' : clientName;
  return {
    title: `Let ${known} in?`,
    body: html`<p><strong>${known}</strong> wants to act for you at <strong>${tenantName}</strong>.</p>
      ${originOf(question)} ${isLoopbackHost(redirect.hostname) && LOOPBACK_WARNING}
      <p>It will be able to:</p>
      <ul>
        ${scopes.map((scope) => html`<li>${IN_WORDS[scope] ?? scope}</li>`)}
      </ul>
      <dl>
        <dt>Goes back to</dt>
        <dd>${redirect.host}</dd>
        <dt>For</dt>
        <dd>${resources.map((resource) => html`${resource}<br />`)}</dd>
        <dt>Client id</dt>
        <dd>${question.clientId}</dd>
        <dt>You sign in at</dt>
        <dd>${signInHost}</dd>
      </dl>
      <form method="post" action="${action}">
        <input type="hidden" name="csrf" value="${csrf}" />
        <button name="decision" value="allow">Allow and sign in</button>
        <button name="decision" value="refuse">Refuse</button>
      </form>`,
  };
}

const LOOPBACK_WARNING = html`<p class="warning">
  The answer goes to a program on this computer. Go on only if you have just started that program yourself.
</p>`;

function originOf({ origin, clientId }: ConsentQuestion): Html {
  if (origin === 'registered') return html`<p>An administrator has registered this application.</p>`;
  if (origin === 'document') {
    return html`<p class="warning">
      Nobody here has checked this application. It is published by <strong>${new URL(clientId).host}</strong>.
    </p>`;
  }
  return html`<p class="warning">
    This application is unverified: nobody has checked it, and it has chosen its name itself.
  </p>`;
}
