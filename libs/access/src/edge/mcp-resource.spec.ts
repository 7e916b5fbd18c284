import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  coversRequest,
  isOwnIssuer,
  ownAudiences,
  ownIssuer,
  parseMcpPath,
  resourceMetadataUrl,
  resourceOf,
} from './mcp-resource.js';

const PUBLIC = 'https://gw.example';

const tenantSlug = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const slug = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,12}$/);
const mcpPath = fc
  .record({ tenant: fc.option(tenantSlug), slug: fc.option(slug) })
  .map(({ tenant, slug }) => `${tenant === null ? '' : `/t/${tenant}`}/mcp${slug === null ? '' : `/${slug}`}`);

/** Ways to write a path so that some reader, somewhere, takes it for another one. */
const TRICKS: readonly ((path: string, at: number) => string)[] = [
  (path) => `${path}/`,
  (path) => `/${path}`,
  (path) => path.replace('mcp', 'MCP'),
  (path) => path.replace('m', '%6d'),
  (path) => path.replace('/mcp', '%2fmcp'),
  (path) => path.replace('/mcp', '/%61/../mcp'),
  (path) => path.replace('/mcp', '//mcp'),
  (path) => path.replace('/mcp', '/./mcp'),
  (path) => path.replace('/mcp', '\\mcp'),
  (path) => path.replace('/mcp', '/mcp;x=1'),
  (path) => `${path}%00`,
  (path) => `${path}\n`,
  (path) => `${path}/..`,
  (path) => `${path}/.`,
  (path) => `${path}#`,
  (path) => `http://gw.example${path}`,
  (path) => `//gw.example${path}`,
  (path, at) => {
    const index = at % path.length;
    return `${path.slice(0, index)}%${path.charCodeAt(index).toString(16)}${path.slice(index + 1)}`;
  },
];

describe('the reading of MCP paths', () => {
  it.each([
    ['/mcp', {}],
    ['/mcp?x=/t/acme/mcp', {}],
    ['/mcp/crm', { slug: 'crm' }],
    ['/mcp/mcp', { slug: 'mcp' }],
    ['/t/acme/mcp', { tenantSlug: 'acme' }],
    ['/t/acme/mcp/CRM_2?', { tenantSlug: 'acme', slug: 'CRM_2' }],
    ['/t/t/mcp/t', { tenantSlug: 't', slug: 't' }],
  ])('takes %s', (url, parts) => {
    expect(parseMcpPath(url)).toEqual({ path: url.split('?')[0], ...parts });
  });

  it.each(
    ['', '/', '*', '/mcp2', '/mcp/-x', '/mcp/_x', '/mcp/a/b', '/t/mcp', '/t//mcp', '/t/Acme/mcp', '/t/-a/mcp'].concat([
      '/t/a-/mcp',
      `/t/${'a'.repeat(64)}/mcp`,
      `/mcp/${'a'.repeat(65)}`,
      '/t/a_b/mcp',
      '/t/a.b/mcp',
      '/x/mcp',
      '/mcp\r',
      '/mcp/a\n',
      '/t/ä/mcp',
      '/mcp/ſ',
    ]),
  )('takes %j for no MCP path', (url) => {
    expect(parseMcpPath(url)).toBeUndefined();
  });

  it('gives back every path that it takes, and the parts that it was made of', () => {
    fc.assert(
      fc.property(fc.option(tenantSlug), fc.option(slug), fc.string(), (tenant, name, query) => {
        const path = `${tenant === null ? '' : `/t/${tenant}`}/mcp${name === null ? '' : `/${name}`}`;
        expect(parseMcpPath(`${path}?${query}`)).toEqual({
          path,
          ...(tenant === null ? {} : { tenantSlug: tenant }),
          ...(name === null ? {} : { slug: name }),
        });
      }),
    );
  });

  it('takes no other spelling of a path', () => {
    fc.assert(
      fc.property(mcpPath, fc.constantFrom(...TRICKS), fc.nat(), (path, trick, at) => {
        expect(parseMcpPath(trick(path, at))).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes nothing but its own spelling of what it has read, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'/tmcpaA01-_%2f.?#\\ ') }), (url) => {
        const read = parseMcpPath(url);
        if (!read) return;
        const spelled = `${read.tenantSlug ? `/t/${read.tenantSlug}` : ''}/mcp${read.slug ? `/${read.slug}` : ''}`;
        expect(url.split('?')[0]).toBe(spelled);
        expect(new URL(spelled, PUBLIC).pathname).toBe(spelled);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('names of an endpoint', () => {
  it('are built from the public URL and the path alone', () => {
    const path = parseMcpPath('/t/acme/mcp/crm?secret=1')!;
    expect(resourceOf(PUBLIC, path)).toBe('https://gw.example/t/acme/mcp/crm');
    expect(resourceMetadataUrl(PUBLIC, path)).toBe(
      'https://gw.example/.well-known/oauth-protected-resource/t/acme/mcp/crm',
    );
    expect(ownIssuer(PUBLIC)).toBe(PUBLIC);
    expect(ownIssuer(PUBLIC, 'default')).toBe(PUBLIC);
    expect(ownIssuer(PUBLIC, 'acme')).toBe('https://gw.example/t/acme');
  });

  it.each([
    [PUBLIC, true],
    [`${PUBLIC}/`, true],
    [`${PUBLIC}/t/acme`, true],
    [`${PUBLIC}/anything`, true],
    ['https://gw.example.evil', false],
    ['https://idp.example', false],
  ])('tell own issuers from others: %s', (issuer, isOwn) => {
    expect(isOwnIssuer(PUBLIC, issuer)).toBe(isOwn);
  });
});

describe('the audience rule', () => {
  const covers = (audience: string, url: string) => coversRequest([audience], url, PUBLIC);

  it.each([
    ['/mcp', '/mcp', true],
    ['/mcp', '/mcp?x=1', true],
    ['/mcp', '/mcp/crm', true],
    ['/mcp', '/t/default/mcp', true],
    ['/t/default/mcp', '/mcp/crm', true],
    ['/mcp', '/api/v1/servers', true],
    ['/t/acme/mcp', '/api/v1/servers', true],
    ['/t/acme/mcp', '/t/acme/mcp/crm', true],
    ['/t/acme/mcp/crm', '/t/acme/mcp/crm', true],
    ['', '/t/acme/mcp/crm', true],
    ['/', '/api/v1/servers', true],
    ['/mcp/crm', '/mcp', false],
    ['/mcp/crm', '/mcp/crm2', false],
    ['/mcp/crm', '/mcp/CRM', false],
    ['/mcp/crm', '/api/v1/servers', false],
    ['/mcp', '/t/acme/mcp', false],
    ['/t/acme/mcp', '/mcp', false],
    ['/t/acme/mcp', '/t/acme2/mcp', false],
    ['/mcp/', '/mcp', false],
    ['/mcp?x', '/mcp', false],
    ['/mcp#x', '/mcp', false],
    ['/x/../mcp', '/mcp', false],
    ['/%6dcp', '/mcp', false],
    ['.evil/mcp', '/mcp', false],
    [':8443/mcp', '/mcp', false],
    ['@evil.example/mcp', '/mcp', false],
    ['/api', '/api/v1/servers', false],
  ])('says of a token for PUBLIC_URL%s at %s: %s', (audience, url, isCovered) => {
    expect(covers(PUBLIC + audience, url)).toBe(isCovered);
  });

  it('takes one fitting value among others, and nothing for no value', () => {
    expect(coversRequest(['other', `${PUBLIC}/mcp`], '/mcp', PUBLIC)).toBe(true);
    expect(coversRequest([], '/mcp', PUBLIC)).toBe(false);
    expect(coversRequest(['https://gw.example.evil/mcp', 'api://x'], '/mcp', PUBLIC)).toBe(false);
  });

  it('keeps of the audiences of a token those of its own tenant', () => {
    const all = ['/mcp', '/t/acme/mcp/crm', '/t/globex/mcp', '', '/t/default/mcp'].map((path) => PUBLIC + path);
    expect(ownAudiences([...all, 'api://x'], PUBLIC, 'acme')).toEqual([`${PUBLIC}/t/acme/mcp/crm`, PUBLIC]);
    expect(ownAudiences(all, PUBLIC, 'default')).toEqual([`${PUBLIC}/mcp`, PUBLIC, `${PUBLIC}/t/default/mcp`]);
  });

  it('never lets a token of one tenant reach the path of another', () => {
    fc.assert(
      fc.property(fc.array(mcpPath, { maxLength: 6 }), tenantSlug, mcpPath, (paths, tenant, url) => {
        const own = ownAudiences(
          paths.map((path) => PUBLIC + path),
          PUBLIC,
          tenant,
        );
        if (coversRequest(own, url, PUBLIC)) expect(parseMcpPath(url)?.tenantSlug ?? 'default').toBe(tenant);
      }),
      { numRuns: 2_000 },
    );
  });
});
