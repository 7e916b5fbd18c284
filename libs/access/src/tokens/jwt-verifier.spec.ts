import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { type TenantId, principalId } from '#kernel';
import { CLI } from '#tenancy';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { UnsecuredJWT, exportSPKI, importJWK } from 'jose';
import { eventOf } from '../../testing/access-stores.js';
import { type OpenTokens, PUBLIC_URL, openTokens } from '../../testing/open-tokens.js';
import { type MintOptions, TestIssuer } from '../../testing/test-issuer.js';

const now = () => Math.floor(Date.now() / 1000);
const ACME_MCP = `${PUBLIC_URL}/t/acme/mcp`;
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a JWT of an issuer that a tenant trusts', () => {
  let idp: TestIssuer;
  let other: TestIssuer;
  let opened: OpenTokens;
  let acme: TenantId;

  beforeAll(async () => {
    [idp, other] = await Promise.all([TestIssuer.start('/realm'), TestIssuer.start()]);
    await idp.addKey('rsa', 'RS256');
  });
  afterAll(() => Promise.all([idp.close(), other.close()]));
  beforeEach(async () => {
    opened = await openTokens();
    acme = await opened.tenant('acme');
    idp.metadata = {};
    idp.isDown = false;
    idp.asked.splice(0);
    await trust({ default_roles: ['caller'] });
  });
  afterEach(() => opened.close());

  const trust = (more: object = {}, tenant = acme, id = 'idp') =>
    opened.registry.put({ tenant, id, actor: CLI }, { issuer: idp.issuer, ...more });
  const minted = ({ claims, ...more }: MintOptions = {}) => idp.mint({ claims: { aud: ACME_MCP, ...claims }, ...more });
  const verify = (token: string) =>
    opened.verifier.takes(token) ? opened.verifier.verify(token, {}) : Promise.resolve(undefined);
  const verified = async (options?: MintOptions) => verify(await minted(options));

  it('names a principal of that tenant, made when it comes for the first time', async () => {
    const { principal, audiences } = (await verified({ claims: { email: 'ada@acme.example', scope: 'mcp' } }))!;
    expect(principal).toMatchObject({
      tenantId: acme,
      roles: ['caller'],
      scopes: ['mcp'],
      credential: { kind: 'token', id: expect.stringMatching(/^tok_[\w-]{22}$/), expiresAt: expect.any(Number) },
    });
    expect(audiences).toEqual([ACME_MCP]);
    const stored = await opened.stores.principals.find(acme, principal.id);
    const identity = { issuer: idp.issuer, subject: 'ada' };
    expect(stored).toMatchObject({ kind: 'user', name: 'ada@acme.example', roles: [], identity });

    expect((await verified())!.principal.id).toBe(principal.id);
    const made = opened.stores.trail.events.filter(({ event }) => event.action === 'principal.created');
    expect(made).toMatchObject([
      {
        tenantId: acme,
        event: { target: `principal:${principal.id}`, actor: { kind: 'principal', id: principal.id } },
      },
    ]);
  });

  it('is the principal that an administrator has made for this identity', async () => {
    const identity = { issuer: idp.issuer, subject: 'ada' };
    const draft = { tenantId: acme, id: principalId('ada-l'), kind: 'user' as const, name: '', roles: ['admin'] };
    await opened.stores.principals.insert({ ...draft, identity }, eventOf('principal.created'));
    expect((await verified())!.principal).toMatchObject({ id: 'ada-l', roles: ['admin', 'caller'] });
  });

  it('tells a program from a person', async () => {
    const { principal } = (await verified({ claims: { sub: 'app' } }))!;
    expect(await opened.stores.principals.find(acme, principal.id)).toMatchObject({ kind: 'service', name: 'app' });
  });

  it.each([
    ['an RSA key', { key: 'rsa' }],
    ['the type JWT', { header: { typ: 'JWT' } }],
    ['no type', { header: { typ: undefined } }],
    ['no kid', { header: { kid: undefined } }],
    ['one of several audiences', { claims: { aud: ['api://x', ACME_MCP] } }],
  ] as [string, MintOptions][])('is taken with %s', async (_, options) => {
    expect(await verified(options)).toBeDefined();
  });

  it('is taken from an issuer whose clock is a few seconds off, either way', async () => {
    expect(await verified({ claims: { exp: now() - 2 } })).toBeDefined();
    expect(await verified({ claims: { iat: now() + 3, nbf: now() + 3 } })).toBeDefined();
  });

  it.each([
    ['another audience', { claims: { aud: 'https://other.example/mcp' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['the audience of another tenant', { claims: { aud: `${PUBLIC_URL}/t/globex/mcp` } }],
    ['the audience of the default tenant', { claims: { aud: `${PUBLIC_URL}/mcp` } }],
    ['an audience that looks like ours', { claims: { aud: `${ACME_MCP}/` } }],
    ['an audience that is no text', { claims: { aud: [{ toString: ACME_MCP }] } }],
    ['another issuer in it', { claims: { iss: 'https://idp.example' } }],
    ['the issuer spelled otherwise', { claims: { iss: 'http://127.0.0.1:1/realm/' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['our own issuer', { claims: { iss: `${PUBLIC_URL}/t/acme` } }],
    ['no subject', { claims: { sub: undefined, client_id: undefined } }],
    ['a subject that no database keeps', { claims: { sub: 'a\u0000' } }],
    ['an end in the past', { claims: { exp: now() - 60 } }],
    ['no end', { claims: { exp: undefined } }],
    ['an end that is no number', { claims: { exp: 'tomorrow' } }],
    ['a beginning in the future', { claims: { nbf: now() + 60 } }],
    ['a date of issue in the future', { claims: { iat: now() + 3600 } }],
    ['the type of another kind of token', { header: { typ: 'logout+jwt' } }],
    ['the nonce of an ID token', { claims: { nonce: 'n' } }],
    ['the hash of an ID token', { claims: { at_hash: 'h' } }],
    ['a binding to a key', { claims: { cnf: { jkt: 'x' } } }],
    ['an unknown kid', { header: { kid: 'nobody' } }],
    ['the kid of another key', { header: { kid: 'rsa' } }],
  ] as [string, MintOptions][])('is refused with %s, and makes nobody', async (_, options) => {
    expect(await verified(options)).toBeUndefined();
    expect(opened.stores.trail.events.map(({ event }) => event.action)).not.toContain('principal.created');
  });

  it('is refused from an issuer that nobody trusts, which is not even asked', async () => {
    expect(await verify(await other.mint({ claims: { aud: ACME_MCP } }))).toBeUndefined();
    expect(other.asked).toEqual([]);
  });

  it('is refused when another issuer has signed it', async () => {
    expect(await verify(await other.mint({ claims: { aud: ACME_MCP, iss: idp.issuer } }))).toBeUndefined();
  });

  it('is refused when it was altered', async () => {
    const [header, payload, signature] = (await minted()).split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    expect(await verify([header, b64({ ...claims, sub: 'root' }), signature].join('.'))).toBeUndefined();
    expect(await verify([header, payload, signature.slice(0, -4)].join('.'))).toBeUndefined();
    expect(await verify([header, payload, ''].join('.'))).toBeUndefined();
  });

  it.each(['none', 'None', 'NONE', 'nOnE'])('is refused without a signature, however %s is written', async (alg) => {
    const claims = { iss: idp.issuer, sub: 'ada', aud: ACME_MCP, exp: now() + 60 };
    const unsigned = new UnsecuredJWT(claims).encode().split('.')[1];
    const signed = (await minted()).split('.')[2];
    for (const token of [`${b64({ alg })}.${unsigned}.`, `${b64({ alg })}.${unsigned}.${signed}`]) {
      expect(await verify(token)).toBeUndefined();
    }
  });

  it('is refused when the public key was taken for a shared secret', async () => {
    const { publicJwk } = idp.keys.get('rsa')!;
    const key = await importJWK(publicJwk, 'RS256', { extractable: true });
    const pem = await exportSPKI(key as Parameters<typeof exportSPKI>[0]);
    const payload = b64({ iss: idp.issuer, sub: 'ada', aud: ACME_MCP, exp: now() + 60 });
    for (const secret of [pem, pem.trimEnd(), JSON.stringify(publicJwk), publicJwk.n!]) {
      for (const kid of ['rsa', undefined]) {
        const input = `${b64({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}`;
        const mac = createHmac('sha256', secret).update(input).digest('base64url');
        expect(await verify(`${input}.${mac}`)).toBeUndefined();
      }
    }
  });

  it('is refused with an algorithm that the issuer is not listed with', async () => {
    await trust({ algorithms: ['ES256'] });
    expect(await verified({ key: 'rsa' })).toBeUndefined();
    expect(await verified()).toBeDefined();
  });

  it('is refused with a key that it brings itself, by whatever header, and nobody is asked for it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    const url = `${other.origin}/jwks`;
    const payload = b64({ iss: idp.issuer, sub: 'ada', aud: ACME_MCP, exp: now() + 60 });
    for (const more of [
      { jwk },
      { jku: url, kid: 'x' },
      { x5u: url },
      { jwk, kid: 'first' },
      { x5c: ['MIIB'], jku: url },
    ]) {
      const input = `${b64({ alg: 'ES256', typ: 'at+jwt', ...more })}.${payload}`;
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      expect(await verify(`${input}.${signature.toString('base64url')}`)).toBeUndefined();
    }
    expect(other.asked).toEqual([]);
  });

  it('is refused with an extension that must be understood', async () => {
    const crit = { crit: ['x-tenant'], 'x-tenant': 'acme' } as MintOptions['header'];
    const token = await idp.mint({ claims: { aud: ACME_MCP }, header: crit!, understands: ['x-tenant'] });
    expect(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())).toMatchObject(crit!);
    expect(await verify(token)).toBeUndefined();
  });

  it('is refused with an issuer whose metadata says that it is somebody else', async () => {
    idp.metadata = { issuer: other.issuer };
    await expect(verified()).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    expect(idp.asked).not.toContain('/jwks');
  });

  it('is looked at again when the issuer has a new key, which is fetched once for many', async () => {
    await verified();
    await idp.addKey('second');
    const tokens = await Promise.all([minted({ key: 'second' }), minted({ key: 'second' })]);
    expect(await Promise.all(tokens.map(verify))).toEqual([undefined, undefined]); // a moment after the last look
    opened.forward(10_000);
    idp.asked.splice(0);
    expect(await Promise.all(tokens.map(verify))).toEqual([expect.anything(), expect.anything()]);
    expect(idp.asked).toEqual(['/jwks']);
  });

  it('makes nobody fetch keys faster than every ten seconds, whatever kid it names', async () => {
    await verified();
    opened.forward(10_000);
    for (let at = 0; at < 20; at++) await verified({ header: { kid: `made-up-${at}` } });
    expect(idp.asked.filter((path) => path === '/jwks')).toHaveLength(2);
  });

  it('is refused with a key that its issuer has taken out of use', async () => {
    await idp.addKey('leaving');
    const token = await minted({ key: 'leaving', claims: { exp: now() + 3600 } });
    expect(await verify(token)).toBeDefined();
    idp.keys.delete('leaving');
    opened.forward(300_000);
    expect(await verify(token)).toBeUndefined();
  });

  it('has no verdict when its issuer is away, and says nothing of where that is', async () => {
    idp.isDown = true;
    const asked = verified();
    await expect(asked).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE', status: 503 });
    await expect(asked).rejects.not.toThrow(/127\.0\.0\.1/);
  });

  it('stays good while its issuer is away for a while', async () => {
    await verified();
    idp.isDown = true;
    const later = { claims: { exp: now() + 7200 } };
    opened.forward(3_500_000);
    expect(await verified(later)).toBeDefined();
    opened.forward(100_000);
    await expect(verified(later)).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
  });

  it('is refused when its issuer is disabled, or trusted no more', async () => {
    await opened.registry.disable({ tenant: acme, id: 'idp', actor: CLI });
    expect(await verified()).toBeUndefined();
    await trust({ enabled: true });
    expect(await verified()).toBeDefined();
    await opened.registry.remove({ tenant: acme, id: 'idp', actor: CLI });
    expect(await verified()).toBeUndefined();
  });

  it('is refused when its principal is disabled, or was made void after it was issued', async () => {
    const { principal } = (await verified())!;
    const stored = (await opened.stores.principals.find(acme, principal.id))!;
    const later = { ...stored, version: 2, validAfter: new Date(Date.now() + 1000) };
    await opened.stores.principals.replace(later, eventOf('principal.updated'));
    expect(await verified()).toBeUndefined();
    expect(await verified({ claims: { iat: undefined } })).toBeUndefined();
    const disabled = { ...stored, version: 3, disabledAt: new Date() };
    await opened.stores.principals.replace(disabled, eventOf('principal.updated'));
    expect(await verified()).toBeUndefined();
  });
});
