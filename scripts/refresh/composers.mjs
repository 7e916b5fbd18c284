import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Whole composers on one database, and a member that takes only live tokens of the issuer.
 */

const MAIN = fileURLToPath(new URL('../../dist/apps/composer/src/main.js', import.meta.url));
const START_MS = 60_000;
const END_MS = 40_000;
const CALL_MS = 60_000;
const MODERN = '2026-07-28';
const SPEC = {
  openapi: '3.1.0',
  info: { title: 'refresh', version: '1' },
  paths: { '/ping': { get: { operationId: 'ping', responses: { 200: { description: 'fine' } } } } },
};

/** A service whose only tool is `ping`. Answers 401 to every token that the issuer has not given or that has ended. */
export async function startMember(issuer) {
  const server = createServer((request, response) => {
    const isTaken = issuer.takes(request.headers.authorization);
    response.writeHead(isTaken ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: isTaken }));
  });
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));
let count = 0;

export async function startComposer(ground) {
  const child = spawn(process.execPath, [MAIN], {
    cwd: ground.scratch,
    env: {
      PATH: process.env.PATH,
      ...ground.env,
      PORT: '0',
      COMPOSER_DATA_DIR: join(ground.scratch, `composer-${++count}`),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  living.add(child);
  const ended = new Promise((resolve) => child.once('close', resolve));
  void ended.then(() => living.delete(child));
  const url = await readyUrl(child);
  return {
    /** Registers a member that is called with tokens that are had with `refreshToken`. */
    async register(id, { member, issuer, refreshToken }) {
      const answer = await fetch(`${url}/api/v1/servers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          id,
          type: 'openapi',
          open_api: { endpoint: member.url, spec: SPEC },
          health_check: { enabled: false },
          auth_strategy: 'oauth2',
          auth: {
            grant_type: 'refresh_token',
            token_url: issuer.url,
            client_id: 'refresh',
            refresh_token: refreshToken,
          },
        }),
      });
      if (answer.status !== 201) throw new Error(`the member was not registered: ${await answer.text()}`);
    },

    /** As many calls of the tool at once as are wanted; gives how long each took, and why some failed. */
    async calls({ id, count: calls }) {
      const outcomes = await Promise.all(Array.from({ length: calls }, () => call(url, `${id}_ping`)));
      return {
        ms: outcomes.map(({ ms }) => ms),
        errors: outcomes.flatMap(({ error }) => (error === undefined ? [] : [error])),
      };
    },

    async offers(id) {
      const answer = await fetch(`${url}/api/v1/servers`);
      const { items } = await answer.json();
      return items.some((item) => item.id === id);
    },

    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

async function call(url, name) {
  const begun = performance.now();
  try {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const answer = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': MODERN,
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta, name, arguments: {} } }),
      signal: AbortSignal.timeout(CALL_MS),
    });
    const { result, error } = await answer.json();
    const isRight = result?.structuredContent?.ok === true;
    return {
      ms: performance.now() - begun,
      ...(isRight ? {} : { error: JSON.stringify(error ?? result).slice(0, 300) }),
    };
  } catch (error) {
    return { ms: performance.now() - begun, error: `${error.name}: ${error.cause?.code ?? error.message}` };
  }
}

function readyUrl(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    let log = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
    child.stderr.on('data', (chunk) => (log = (log + chunk).slice(-4_000)));
    child.once('close', () => reject(new Error(`a composer did not start: ${log}`)));
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const [, url] = /^MCP Composer ready on (\S+)\/mcp$/m.exec(said) ?? [];
      if (!url) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}
