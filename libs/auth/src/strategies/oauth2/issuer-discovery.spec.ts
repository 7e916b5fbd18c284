import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { CredentialUse } from '../../credential-use.js';
import {
  type Oauth2PartsOptions,
  SmallIssuer,
  type StrategyParts,
  oauth2Parts,
  openStrategyParts,
} from '#auth/testing';
import { ConnectLinks } from '../../consent/connect-links.js';
import { Oauth2Strategy } from './oauth2.strategy.js';

const DOCUMENT = 'https://composer.example/.well-known/mcp-composer-client.json';
const HOUR = 3_600_000;

/** The member, and two authorization servers. */
let crm: SmallIssuer;
let first: SmallIssuer;
let second: SmallIssuer;
let parts: StrategyParts;
let use: CredentialUse;

beforeEach(async () => {
  [crm, first, second] = await Promise.all([SmallIssuer.start(), SmallIssuer.start(), SmallIssuer.start()]);
  parts = await openStrategyParts(() => ({}));
  use = { member: { tenantId: tenantId('acme'), serverId: serverId('crm') }, endpoint: new URL(`${crm.url}/mcp`) };
  crm.metadata = undefined;
  leadTo(first);
});
afterEach(() => Promise.all([crm.close(), first.close(), second.close(), parts.close()]));

function leadTo(issuer: SmallIssuer): void {
  crm.resourceMetadata = {
    resource: `${crm.url}/mcp`,
    authorization_servers: [issuer.url],
    scopes_supported: ['read', 'write'],
  };
}

function open(options: Oauth2PartsOptions = {}) {
  const oauth2 = oauth2Parts(parts, options);
  const { finder, tokens, listen } = oauth2;
  const strategy = new Oauth2Strategy(parts.keeper, finder, tokens, new ConnectLinks(listen), parts.wishes);
  const begin = async (settings: object = {}) => {
    const parsed = strategy.settings.parse(settings);
    const redirectUri = `${listen.publicUrl}/connect/callback`;
    return oauth2.consent.begin(use, parsed, { redirectUri, state: 'state' });
  };
  const connect = async (settings: object = {}, iss = first.url) => {
    const { kept, authorizationUrl } = await begin(settings);
    const callbackParams = new URLSearchParams({ code: 'c', iss });
    await oauth2.consent.finish(use, strategy.settings.parse(settings), { kept, callbackParams, by: SYSTEM });
    return new URL(authorizationUrl).searchParams;
  };
  const authorize = (settings: object = {}) => strategy.authorize(use, strategy.settings.parse(settings));
  return { oauth2, strategy, begin, connect, authorize };
}

describe('a member with nothing but an endpoint', () => {
  it('is connected: its metadata, that of its server, a registration, consent', async () => {
    const { connect, authorize, strategy } = open();
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    const sent = Object.fromEntries(await connect());
    expect(sent).toMatchObject({
      client_id: 'client-1',
      resource: `${crm.url}/mcp`,
      scope: 'read write',
      code_challenge_method: 'S256',
      state: 'state',
    });
    expect(first.registrations).toEqual([
      {
        client_name: 'MCP Composer',
        client_uri: 'http://127.0.0.1:9000',
        redirect_uris: ['http://127.0.0.1:9000/connect/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        scope: 'read write',
      },
    ]);
    expect(first.tokenForms[0]!.get('resource')).toBe(`${crm.url}/mcp`);
    expect(await authorize()).toMatchObject({ headers: { authorization: `Bearer token-of-${first.url}` } });
    expect(crm.told).toEqual([]);
    expect(strategy.isPerPrincipal(strategy.settings.parse({}))).toBe(false);
  });

  it('says in its challenge where its metadata is, and what to ask for', async () => {
    const elsewhere = '/metadata/of/mine';
    const challenge = `Bearer resource_metadata="${crm.url}${elsewhere}", scope="just this"`;
    crm.answers.set('/mcp', { status: 401, headers: { 'www-authenticate': challenge } });
    crm.answers.set(elsewhere, { body: crm.resourceMetadata });
    crm.resourceMetadata = undefined;
    expect((await open().connect()).get('scope')).toBe('just this');
    expect(crm.asked).toEqual(['GET /mcp', `GET ${elsewhere}`]);
  });

  it('refreshes with the client and the resource that it was connected with', async () => {
    const { connect, authorize, strategy } = open();
    first.registered = { client_secret: 'shh-of-the-registration', token_endpoint_auth_method: 'client_secret_post' };
    first.answers.set('/token', { body: { access_token: 'one', refresh_token: 'r1', token_type: 'bearer' } });
    await connect();
    const patch = await authorize();
    strategy.noteAccepted(use, strategy.settings.parse({}), patch);
    first.answers.set('/token', { body: { access_token: 'two', token_type: 'bearer' } });
    const fresh = (await strategy.renew(use, strategy.settings.parse({}), patch))!;
    expect(fresh.headers).toEqual({ authorization: 'Bearer two' });
    expect(Object.fromEntries(first.tokenForms[1]!)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'r1',
      resource: `${crm.url}/mcp`,
      client_id: 'client-1',
      client_secret: 'shh-of-the-registration',
    });
  });

  it.each<[string, () => void]>([
    [
      'another resource',
      () => (crm.resourceMetadata = { ...crm.resourceMetadata, resource: 'https://bank.example/mcp' }),
    ],
    ['another path', () => (crm.resourceMetadata = { ...crm.resourceMetadata, resource: `${crm.url}/other` })],
  ])('is not connected by metadata that is of %s', async (_what, bend) => {
    bend();
    await expect(open().begin()).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNTRUSTED' });
    expect(first.asked).toEqual([]);
  });

  it('whose metadata is away is not taken for one without: nobody else is asked', async () => {
    crm.metadata = {};
    crm.answers.set('/.well-known/oauth-protected-resource/mcp', { status: 503 });
    await expect(open().begin()).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    expect(crm.told).toEqual([]);
  });

  it('without metadata is its own authorization server, as it was before there was any', async () => {
    crm.resourceMetadata = undefined;
    crm.metadata = {};
    await open().connect({}, crm.url);
    expect(crm.told).toEqual(['POST /register', 'POST /token']);
  });
});

describe('how the composer is known', () => {
  it('is the document at its address, where it is https and the server reads such', async () => {
    first.metadata = { client_id_metadata_document_supported: true };
    const sent = await open({ publicUrl: 'https://composer.example' }).connect();
    expect(sent.get('client_id')).toBe(DOCUMENT);
    expect(first.registrations).toEqual([]);
    expect(first.tokenForms[0]!.get('client_id')).toBe(DOCUMENT);
  });

  it('is another document, if the operator says so', async () => {
    first.metadata = { client_id_metadata_document_supported: true, registration_endpoint: undefined };
    const documentUrl = 'https://cdn.example/clients/composer.json';
    expect((await open({ documentUrl }).connect()).get('client_id')).toBe(documentUrl);
  });

  it('is a registration where the composer is not https, or the server does not read documents', async () => {
    first.metadata = { client_id_metadata_document_supported: true };
    expect((await open().connect()).get('client_id')).toBe('client-1');
    first.metadata = {};
    expect((await open({ publicUrl: 'https://composer.example' }).connect()).get('client_id')).toBe('client-2');
    expect(first.registrations[1]).toMatchObject({ application_type: 'web' });
  });

  it('is what the settings say, without any registration', async () => {
    expect((await open().connect({ client_id: 'mine', grant_type: 'authorization_code' })).get('client_id')).toBe(
      'mine',
    );
    expect(first.registrations).toEqual([]);
  });

  it('is registered once, and again when that is over', async () => {
    const { connect, begin } = open();
    const clientId = async () => new URL((await begin()).authorizationUrl).searchParams.get('client_id');
    first.registered = { client_secret: 's', client_secret_expires_at: parts.clock.now() / 1_000 + 60 };
    await connect();
    expect(await clientId()).toBe('client-1');
    parts.clock.time += 61_000;
    expect(await clientId()).toBe('client-2');
  });

  it('is forgotten where the server does not know it any more: a person connects the member again', async () => {
    const { connect, authorize, begin, strategy } = open();
    const forgotten: unknown[] = [];
    const { take } = parts.keeper;
    parts.keeper.take = async (which, by) => {
      forgotten.push(which);
      return take.call(parts.keeper, which, by);
    };
    first.answers.set('/token', { body: { access_token: 'one', refresh_token: 'r' } });
    await connect();
    const patch = await authorize();
    first.answers.set('/token', { status: 401, body: { error: 'invalid_client' } });
    strategy.noteAccepted(use, strategy.settings.parse({}), patch);
    const renewed = strategy.renew(use, strategy.settings.parse({}), patch);
    await expect(renewed).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    expect(forgotten).toEqual([expect.objectContaining({ kind: 'client', issuer: first.url, tenantId: 'acme' })]);
    const { kept } = await begin();
    const callbackParams = new URLSearchParams({ code: 'c', iss: first.url });
    const ended = open().oauth2.consent.finish(use, {}, { kept, callbackParams, by: SYSTEM });
    await expect(ended).rejects.toMatchObject({ code: 'COMPOSER_CLIENT_REFUSED' });
    expect(forgotten).toHaveLength(2);
  });

  it('is told as missing where the server registers nobody', async () => {
    first.metadata = { registration_endpoint: undefined };
    await expect(open().begin()).rejects.toThrow(/give client_id/);
    first.metadata = {};
    first.answers.set('/register', {
      status: 403,
      body: { error: 'invalid_client_metadata', error_description: 'hunter2' },
    });
    parts.clock.time += HOUR;
    await expect(open().begin()).rejects.toThrow(/status 403, invalid_client_metadata\): give client_id/);
  });
});

describe('a member that moves to another authorization server', () => {
  it('gets nothing of what the former one gave, and the new one is told nothing of it', async () => {
    const { connect, authorize, strategy } = open();
    first.answers.set('/token', { body: { access_token: 'of-the-first', refresh_token: 'r-of-the-first' } });
    await connect();
    const patch = await authorize();
    leadTo(second);
    parts.clock.time += 1_000; // however little time ago a person has connected it
    // The member refuses: that is how it is found out at once.
    const renewed = strategy.renew(use, strategy.settings.parse({}), patch);
    await expect(renewed).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    expect([first.told, second.told]).toEqual([['POST /register', 'POST /token'], []]);

    const sent = await connect({}, second.url);
    expect([sent.get('client_id'), second.registrations.length]).toEqual(['client-1', 1]);
    expect(await authorize()).toMatchObject({ headers: { authorization: `Bearer token-of-${second.url}` } });
    expect(JSON.stringify(second.tokenForms.map(String))).not.toContain('of-the-first');
  });

  it('is noticed without a refusal too, when what is known of it gets old', async () => {
    const { connect, authorize } = open();
    await connect();
    leadTo(second);
    parts.clock.time += HOUR;
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
  });

  it('goes on while its metadata is away, with what was last known', async () => {
    const { connect, authorize } = open();
    first.answers.set('/token', { body: { access_token: 'one' } });
    await connect();
    crm.answers.set('/.well-known/oauth-protected-resource/mcp', { status: 503 });
    parts.clock.time += HOUR;
    expect(await authorize()).toMatchObject({ headers: { authorization: 'Bearer one' } });
  });

  it('is asked once, and not again for every refusal', async () => {
    const { connect, authorize, strategy } = open();
    first.answers.set('/token', { body: { access_token: 'one', refresh_token: 'r' } });
    await connect();
    let patch = await authorize();
    const before = crm.asked.length;
    for (let round = 0; round < 5; round++) {
      strategy.noteAccepted(use, strategy.settings.parse({}), patch);
      patch = (await strategy.renew(use, strategy.settings.parse({}), patch))!;
    }
    expect(crm.asked.slice(before)).toEqual(['GET /mcp', 'POST /mcp', 'GET /.well-known/oauth-protected-resource/mcp']);
  });

  it('is not looked for by every call where it cannot be found', async () => {
    const { authorize } = open();
    crm.answers.set('/.well-known/oauth-protected-resource/mcp', { status: 503 });
    for (let call = 0; call < 5; call++) await expect(authorize()).rejects.toMatchObject({ retryable: true });
    const { length } = crm.asked;
    expect(crm.asked.filter((line) => line === 'GET /mcp')).toHaveLength(1);
    leadTo(first);
    crm.answers.clear();
    parts.clock.time += 6_000;
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CONSENT_REQUIRED' });
    expect(crm.asked.length).toBeGreaterThan(length);
  });
});
