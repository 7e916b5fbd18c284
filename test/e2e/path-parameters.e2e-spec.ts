import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callTool } from '../fixtures/mcp-clients.js';
import { UNCHECKED, openApiDocument } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const inPath = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string' } });
const SPEC = openApiDocument({
  'GET /orders/{id}/items/{item}': { operationId: 'item', parameters: [inPath('id'), inPath('item')] },
  'GET /files/v{name}.txt': { operationId: 'file', parameters: [inPath('name')] },
  'GET /last/{id}': { operationId: 'last', parameters: [inPath('id')] },
});

/** What the templates allow on the wire, below the base path. No segment can be a dot segment, however often decoded. */
const TEMPLATES = {
  m_item: /^\/base\/orders\/[^/?#\\]+\/items\/[^/?#\\]+$/,
  m_file: /^\/base\/files\/v[^/?#\\]+\.txt$/,
  m_last: /^\/base\/last\/[^/?#\\]+$/,
};

/** Values that climb, split, cut or vanish, and what must happen: `undefined` leaves both ways open. */
const NASTY: readonly string[] = [
  '..',
  '.',
  '...',
  '%2e%2e',
  '%252e%252e',
  '.%2e',
  '．．',
  '..;',
  '../admin',
  '..\\admin',
  'a/b',
  'a%2fb',
  'a%252fb',
  'a\\b',
  'a?b',
  'a#b',
  'a;b=c',
  'a b',
  'a%',
  'a%zz',
  '%00',
  'a\u0000b',
  'a\r\nHost: other',
  '\t',
  ' ',
  '',
  '//other.example/',
  'http://other.example/',
  '@other.example',
  ':80',
  '{id}',
  '*',
  '~root',
  'ä',
  '\u202e',
  '\ud800',
  '👋',
  'x'.repeat(10_000),
];

describe('path parameters', () => {
  let composer: ComposerProcess;
  let service: RestService;

  beforeAll(async () => {
    service = await startRestService({ answer: ({ url }) => ({ body: { url } }) });
    composer = await startComposer();
    const endpoint = `${service.url}/base`;
    const member = { id: 'm', type: 'openapi', open_api: { endpoint, spec: SPEC }, ...UNCHECKED };
    expect((await composer.api('POST', '/api/v1/servers', member)).status).toBe(201);
  }, 60_000);
  afterAll(() => Promise.all([composer.stop(), service.stop()]));

  /** Calls, and checks that the service saw the template's path with this very value, or nothing at all. */
  async function tryValue(tool: keyof typeof TEMPLATES, args: Record<string, string>): Promise<boolean> {
    service.forget();
    const result = await callTool(composer.url, tool, args);
    const [call, ...more] = service.calls();
    expect(more).toEqual([]);
    if (!call) {
      expect(result).toMatchObject({ isError: true, content: [{ type: 'text', text: expect.any(String) }] });
      return false;
    }
    expect(call.url).toMatch(TEMPLATES[tool]);
    const decoded = call.url.split('/').map((segment) => decodeURIComponent(segment));
    expect(decoded.filter((segment) => segment === '..' || segment === '.')).toEqual([]);
    const [value] = Object.values(args).slice(-1);
    expect(decoded.at(-1)).toBe(tool === 'm_file' ? `v${value}.txt` : value);
    expect(call.headers.host).toBe(new URL(service.url).host);
    return true;
  }

  it.each(NASTY)('never leads %j to another path than the template’s', async (value) => {
    await tryValue('m_item', { id: value, item: 'plain' });
    await tryValue('m_item', { id: 'plain', item: value });
    await tryValue('m_file', { name: value });
    await tryValue('m_last', { id: value });
  });

  it.each(['..', '.', '%2e%2e', '.%2e', 'a/b', 'a%2fb', 'a\\b', 'a?b', 'a#b', '', '%00'])(
    'refuses %j',
    async (value) => {
      expect(await tryValue('m_item', { id: value, item: 'plain' })).toBe(false);
      expect(await tryValue('m_last', { id: value })).toBe(false);
    },
  );

  it.each(['7', 'ä', 'a b', 'a:b', 'a@b', "it's", 'a*b', 'a,b', 'a=b&c', '...', '~x', '👋'])(
    'lets %j through as it is',
    async (value) => {
      expect(await tryValue('m_last', { id: value })).toBe(true);
    },
  );

  it('holds for two hundred random values', async () => {
    const random = randomTexts(200);
    let reached = 0;
    for (const value of random) if (await tryValue('m_item', { id: 'plain', item: value })) reached++;
    expect(reached).toBeGreaterThan(5);
    expect(reached).toBeLessThan(200);
  }, 60_000);
});

/** The same texts in every run, of characters that mean something in a path. */
function randomTexts(count: number): string[] {
  const characters = [...'..//%%2efF5c\\?#;:@&=+ $a0é👋'];
  let state = 20_261_122;
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + next(6) }, () => characters[next(characters.length)]).join(''),
  );
}
