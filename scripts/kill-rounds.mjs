// `node scripts/kill-rounds.mjs [rounds]`: registers a member, kills the composer with SIGKILL at some moment of the
// 50 ms after the answer, starts it again and calls the member; a hundred times over one data directory. Ends with 1 if
// an acknowledged registration was lost or its tool did not answer. Needs a build.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/apps/composer/src/main.js', import.meta.url));
const WITHIN_MS = 50;
const START_DEADLINE_MS = 60_000;
const MODERN = '2026-07-28';
const TOKEN = 'kill-rounds-token';
const SPEC = {
  openapi: '3.1.0',
  info: { title: 'kill rounds', version: '1' },
  paths: { '/ping': { get: { operationId: 'ping', responses: { 200: { description: 'fine' } } } } },
};

const rounds = Number(process.argv[2] ?? 100);
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write('usage: node scripts/kill-rounds.mjs [rounds]\n');
  process.exit(2);
}

const dataDir = mkdtempSync(join(tmpdir(), 'composer-kill-'));
const service = await startService();
const lost = [];
const startTimes = [];
let composer;
process.once('exit', () => {
  composer?.child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

composer = await startComposer();
for (let round = 1; round <= rounds; round++) {
  const id = `member-${round}`;
  const acknowledged = await register(id);
  const rival = register(`rival-${round}`).catch(() => undefined); // under way when the process dies: it may be there or not
  await pause(Math.random() * WITHIN_MS);
  await kill(composer.child);
  await rival;
  const started = performance.now();
  composer = await startComposer();
  startTimes.push(performance.now() - started);
  const problem = acknowledged === 201 ? await problemOf(id, round) : `registration was answered ${acknowledged}`;
  if (problem) lost.push(`round ${round}: ${problem}`);
  process.stdout.write(`${round}/${rounds} ${problem ?? 'kept'}\n`);
}
await kill(composer.child);
service.close();
service.closeAllConnections();

const median = startTimes.sort((a, b) => a - b)[Math.floor(startTimes.length / 2)];
process.stdout.write(
  `${rounds} rounds, ${lost.length} lost; a start took ${(median / 1000).toFixed(1)} s in the median\n`,
);
for (const line of lost) process.stdout.write(`${line}\n`);
process.exitCode = lost.length > 0 ? 1 : 0;

/** Undefined if every member acknowledged so far is there and the newest one's tool answers. */
async function problemOf(id, round) {
  const { items } = await json(await fetch(`${composer.url}/api/v1/servers`));
  const kept = new Set(items.map((item) => item.id));
  for (let before = 1; before <= round; before++) {
    if (!kept.has(`member-${before}`)) return `member-${before} is gone`;
  }
  const answer = await call(`${id}_ping`);
  return answer.result?.structuredContent?.ok === true ? undefined : `its tool answered ${JSON.stringify(answer)}`;
}

async function register(id) {
  const config = {
    id,
    type: 'openapi',
    open_api: { endpoint: service.url, spec: SPEC },
    auth_strategy: 'bearer',
    auth: { token: TOKEN },
  };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${composer.url}/api/v1/servers`, {
    method: 'POST',
    headers,
    body: JSON.stringify(config),
  });
  return answer.status;
}

async function call(name) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': MODERN,
    'mcp-method': 'tools/call',
    'mcp-name': name,
  };
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { _meta, name, arguments: {} } };
  return json(await fetch(`${composer.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(message) }));
}

function startComposer() {
  const child = spawn(process.execPath, [MAIN], {
    cwd: dataDir,
    env: { PATH: process.env.PATH, PORT: '0', COMPOSER_DATA_DIR: join(dataDir, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    let log = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    child.stderr.on('data', (chunk) => (log = (log + chunk).slice(-4_000)));
    child.once('close', () => reject(new Error(`the composer did not start: ${log}`)));
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const [, url] = /^MCP Composer ready on (\S+)\/mcp$/m.exec(said) ?? [];
      if (!url) return;
      clearTimeout(timer);
      resolve({ child, url });
    });
  });
}

function json(answer) {
  return answer.json();
}

async function kill(child) {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** A REST service that wants the token. */
async function startService() {
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: isKnown }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}
