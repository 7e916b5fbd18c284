import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callTool, toolNames } from '../fixtures/mcp-clients.js';
import { UNCHECKED, openApiDocument, pingMember, sent } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const file = { type: 'string', format: 'binary' };
const content = (type: string, schema: object) => ({ requestBody: { content: { [type]: { schema } } } });
const query = { name: 'q', in: 'query', schema: { type: 'string' } };
const SPEC = openApiDocument({
  'POST /upload': { operationId: 'upload', ...content('multipart/form-data', { properties: { file, note: {} } }) },
  'PUT /raw': { operationId: 'raw', ...content('application/zip', {}) },
  'GET /rest?method=a.b': { operationId: 'by_query', parameters: [query] },
  'GET /rest#other': { operationId: 'by_fragment' },
});

describe('what real documents hold', () => {
  let composer: ComposerProcess;
  let service: RestService;

  beforeAll(async () => {
    [composer, service] = await Promise.all([startComposer(), startRestService({ answer: () => ({ body: {} }) })]);
    const open_api = { endpoint: `${service.url}/v1`, spec: SPEC };
    const { status } = await composer.api('POST', '/api/v1/servers', {
      ...{ id: 'm', type: 'openapi', open_api },
      ...UNCHECKED,
    });
    expect(status).toBe(201);
  }, 90_000);
  afterAll(async () => {
    await Promise.all([composer.stop(), service.stop()]);
  });

  async function requestOf(tool: string, args: Record<string, unknown>) {
    service.forget();
    expect((await callTool(composer.url, tool, args)).isError).toBeUndefined();
    const [request, ...more] = service.calls();
    expect(more).toEqual([]);
    return request!;
  }

  it('sends files, as a part of a form and as a whole body', async () => {
    const base64 = randomBytes(300_000).toString('base64');
    const upload = await requestOf('m_upload', { file: { base64, filename: 'a.bin' }, note: 'seen' });
    expect(sent(upload, 'content-type')).toEqual([expect.stringMatching(/^multipart\/form-data; boundary=[\w-]+$/)]);
    expect(upload.body).toContain('name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n');
    expect(upload.body).toContain('name="note"\r\n\r\nseen\r\n');
    expect(Number(sent(upload, 'content-length')[0])).toBeGreaterThan(300_000);

    const raw = await requestOf('m_raw', { body: { text: 'PK…' } });
    expect([raw.body, sent(raw, 'content-type')]).toEqual(['PK…', ['application/zip']]);
    expect(await callTool(composer.url, 'm_raw', { body: 'PK' })).toMatchObject({ isError: true });
  });

  it('calls what stands before a fragment, with the query of the path', async () => {
    expect((await requestOf('m_by_query', { q: 'x&y' })).url).toBe('/v1/rest?method=a.b&q=x%26y');
    expect((await requestOf('m_by_fragment', {})).url).toBe('/v1/rest');
  });

  it('imports a document of 12 MiB, of which every tool is listed', async () => {
    const operations = Array.from({ length: 500 }, (_, n) => [
      `GET /things/${n}`,
      { operationId: `thing_${n}`, description: `It is number ${n}.` },
    ]);
    const document = { ...openApiDocument(Object.fromEntries(operations)), 'x-filler': 'x'.repeat(12 * 1024 * 1024) };
    const large = await startRestService({ document: () => document });
    const { status } = await composer.api('POST', '/api/v1/servers', { ...large.member('large'), ...UNCHECKED });
    expect(status).toBe(201);
    const names = (await toolNames(composer.url)).filter((name) => name.startsWith('large_'));
    expect(names.sort()).toEqual(operations.map((_, n) => `large_thing_${n}`).sort());
    await large.stop();
  }, 60_000);

  it('refuses what it cannot use with the reason, and serves meanwhile', async () => {
    const register = (id: string, spec: object) =>
      composer.api('POST', '/api/v1/servers', {
        ...pingMember(id, service.url),
        open_api: { endpoint: service.url, spec },
      });
    const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`GET /${n}`, {}]));
    const refused = Promise.all([register('version', { openapi: '9' }), register('many', openApiDocument(many))]);
    const calls = await Promise.all(Array.from({ length: 20 }, () => callTool(composer.url, 'm_by_fragment')));
    expect(calls.filter(({ isError }) => isError)).toEqual([]);
    expect((await refused).map(({ status, body }) => [status, body.code])).toEqual([
      [422, 'COMPOSER_OPENAPI_UNSUPPORTED_VERSION'],
      [422, 'COMPOSER_OPENAPI_TOO_MANY_OPERATIONS'],
    ]);
    expect((await refused)[1].body.faults).toEqual([
      { path: 'open_api.custom_routes', message: expect.stringContaining('more than 2000 operations') },
    ]);
  }, 60_000);
});
