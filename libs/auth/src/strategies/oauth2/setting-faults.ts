import { type Grant, JWT_BEARER, TOKEN_EXCHANGE, grantOf, hasProvider, namedIssuer } from './grant-types.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { readPrivateKey } from './private-key.js';

type Fault = readonly [key: keyof Oauth2Settings, message: string];

const SHORT: Partial<Record<Grant, string>> = { [TOKEN_EXCHANGE]: 'token-exchange', [JWT_BEARER]: 'jwt-bearer' };
/** Settings that mean something in one grant alone. */
const BELONGS: readonly (readonly [keyof Oauth2Settings, Grant])[] = [
  ['refresh_token', 'refresh_token'],
  ['actor_token', TOKEN_EXCHANGE],
  ['actor_token_type', TOKEN_EXCHANGE],
  ['requested_token_type', TOKEN_EXCHANGE],
  ['assertion', JWT_BEARER],
  ['assertion_issuer', JWT_BEARER],
  ['assertion_subject', JWT_BEARER],
  ['assertion_claims', JWT_BEARER],
  ['idp_issuer_url', JWT_BEARER],
  ['idp_token_url', JWT_BEARER],
  ['idp_client_id', JWT_BEARER],
  ['idp_client_secret', JWT_BEARER],
];

/** What does not go together, or is missing for the grant that is meant. Each is named by the setting that would help. */
export function settingFaults(settings: Oauth2Settings): readonly Fault[] {
  const grant = grantOf(settings);
  const name = SHORT[grant] ?? grant;
  const foreign = BELONGS.filter(([key, owner]) => settings[key] !== undefined && owner !== grant).map(
    ([key, owner]): Fault => [key, `goes with grant_type ${SHORT[owner] ?? owner}, and this is ${name}`],
  );
  return [
    ...foreign,
    ...providerFaults(settings, grant),
    ...grantFaults(settings, grant),
    ...clientFaults(settings, grant),
    ...keyFaults(settings, grant),
    ...addressFaults(settings, grant),
  ];
}

function grantFaults(settings: Oauth2Settings, grant: Grant): readonly Fault[] {
  const faults: Fault[] = [];
  const missing = (key: keyof Oauth2Settings, why: string) => faults.push([key, `is missing: ${why}`]);
  if (grant === 'refresh_token' && settings.refresh_token === undefined) {
    missing('refresh_token', 'grant_type refresh_token begins with one');
  }
  if (grant === TOKEN_EXCHANGE && settings.subject_token === undefined) {
    missing('subject_token', 'it is what grant_type token-exchange exchanges');
  }
  if (settings.actor_token_type !== undefined && settings.actor_token === undefined) {
    missing('actor_token', 'actor_token_type says what kind of token it is');
  }
  if (grant === JWT_BEARER && !hasProvider(settings)) {
    const { assertion, private_key, assertion_issuer, client_id } = settings;
    if (assertion === undefined && private_key === undefined) {
      missing('assertion', 'grant_type jwt-bearer takes a signed JWT here, or a private_key to sign one');
    } else if (assertion === undefined && assertion_issuer === undefined && client_id === undefined) {
      missing('assertion_issuer', 'the JWT that private_key signs has to say who it is from');
    }
  }
  if (settings.identity === 'per_user' && grant !== 'authorization_code') {
    faults.push(['identity', 'per_user goes with grant_type authorization_code: only people give consent']);
  }
  return faults;
}

/** What goes with an identity provider, and what it takes the place of. */
function providerFaults(settings: Oauth2Settings, grant: Grant): readonly Fault[] {
  const { subject_token, subject_token_type, idp_client_id, idp_client_secret } = settings;
  const faults: Fault[] = [];
  const isExchange = grant === TOKEN_EXCHANGE;
  if (grant !== JWT_BEARER || !hasProvider(settings)) {
    const why = 'goes with grant_type token-exchange, or with idp_issuer_url and grant_type jwt-bearer';
    if (!isExchange && subject_token !== undefined) faults.push(['subject_token', why]);
    if (!isExchange && subject_token_type !== undefined) faults.push(['subject_token_type', why]);
    if (grant === JWT_BEARER && idp_client_id !== undefined) faults.push(['idp_client_id', 'goes with idp_issuer_url']);
    if (grant === JWT_BEARER && idp_client_secret !== undefined) {
      faults.push(['idp_client_secret', 'goes with idp_issuer_url']);
    }
    return faults;
  }
  if (subject_token === undefined) {
    faults.push(['subject_token', 'is missing: the identity provider exchanges it for an assertion']);
  }
  if (idp_client_secret !== undefined && idp_client_id === undefined) {
    faults.push(['idp_client_id', 'is missing: idp_client_secret is that of a client']);
  }
  for (const key of ['assertion', 'assertion_issuer', 'assertion_subject', 'assertion_claims'] as const) {
    if (settings[key] !== undefined)
      faults.push([key, 'does not go with idp_issuer_url: the assertion comes from there']);
  }
  return faults;
}

function clientFaults(settings: Oauth2Settings, grant: Grant): readonly Fault[] {
  const { client_id, client_secret, private_key, client_authentication: way } = settings;
  const faults: Fault[] = [];
  const missing = (key: keyof Oauth2Settings, why: string) => faults.push([key, `is missing: ${why}`]);

  const needsClient = grant === 'client_credentials' || grant === 'refresh_token';
  const hasSecret = client_secret !== undefined || (way !== undefined && way !== 'none');
  if (client_id === undefined && (needsClient || hasSecret)) {
    missing('client_id', needsClient ? `grant_type ${grant} needs a client` : 'a client authenticates by its name');
  }
  if (client_secret === undefined && (way === 'client_secret_basic' || way === 'client_secret_post')) {
    missing('client_secret', `client_authentication ${way} needs it`);
  } else if (private_key === undefined && way === 'private_key_jwt') {
    missing('private_key', 'client_authentication private_key_jwt signs with it');
  } else if (grant === 'client_credentials' && client_secret === undefined && private_key === undefined) {
    missing('client_secret', 'grant_type client_credentials needs it, or a private_key');
  }
  if (way === 'none' && client_secret !== undefined) {
    faults.push(['client_secret', 'would never be sent: client_authentication is none']);
  }
  if (way === 'none' && grant === 'client_credentials') {
    faults.push(['client_authentication', 'none does not go with grant_type client_credentials (RFC 6749, 4.4)']);
  }
  return faults;
}

function keyFaults(settings: Oauth2Settings, grant: Grant): readonly Fault[] {
  const { private_key, private_key_id, private_key_alg, client_authentication, assertion_audience } = settings;
  const faults: Fault[] = [];
  if (private_key === undefined) {
    if (private_key_id !== undefined) faults.push(['private_key_id', 'goes with private_key']);
    if (private_key_alg !== undefined) faults.push(['private_key_alg', 'goes with private_key']);
    if (assertion_audience !== undefined) faults.push(['assertion_audience', 'goes with private_key']);
    return faults;
  }
  const problem = readPrivateKey(private_key, private_key_alg).problem;
  if (problem !== undefined) faults.push(['private_key', problem]);
  const isUsed =
    (grant === JWT_BEARER && !hasProvider(settings)) ||
    !['client_secret_basic', 'client_secret_post', 'none'].includes(client_authentication ?? '');
  if (!isUsed) faults.push(['private_key', 'would never be used: client_authentication is another one']);
  return faults;
}

function addressFaults(settings: Oauth2Settings, grant: Grant): readonly Fault[] {
  const { issuer, issuer_url, token_url, authorization_url } = settings;
  const faults: Fault[] = [];
  if (issuer !== undefined && issuer_url !== undefined && issuer !== issuer_url) {
    faults.push(['issuer', 'is another one than issuer_url: give one of them']);
  }
  if (grant !== 'authorization_code' || namedIssuer(settings) !== undefined) return faults;
  if (token_url === undefined && authorization_url !== undefined) {
    faults.push(['token_url', 'is missing: authorization_url leads to a code that has to be exchanged somewhere']);
  }
  if (token_url !== undefined && authorization_url === undefined) {
    faults.push(['authorization_url', 'is missing: grant_type authorization_code begins there; or give issuer_url']);
  }
  return faults;
}
