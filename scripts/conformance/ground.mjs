import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startComposer } from '../demo/processes.mjs';
import { startFixture } from './fixture/endpoint.mjs';

const SLUG = 'conformance';
const ASK_MS = 60_000;
/** The only address of a client's document that the suite takes. */
const CLIENT_DOCUMENT = 'https://conformance-test.local/client-metadata.json';

/**
 * A composer with an own data directory on loopback, and behind it the fixture and a second member under a prefix.
 * `fixtureEra`: the only era that the fixture speaks, if it is not to speak both.
 */
export async function openGround({ fixtureEra = 'both' } = {}) {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-conformance-'));
  const owned = [];
  const close = async () => {
    for (const stop of owned.toReversed()) await stop();
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    const [fixture, second] = await Promise.all([
      startFixture({ era: fixtureEra }),
      startFixture({ era: fixtureEra, scheme: 'second' }),
    ]);
    owned.push(fixture.stop, second.stop);
    const port = await freePort();
    // Issuers send people back to the public address, so it must be known before the start.
    const env = { PORT: `${port}`, PUBLIC_URL: `http://127.0.0.1:${port}`, MEMBER_CLIENT_ID_URL: CLIENT_DOCUMENT };
    const { url, output } = await startComposer(scratch, (stop) => owned.push(stop), env);
    const composer = composerAt(url);
    for (const [id, member] of Object.entries({ fixture, second })) {
      await composer.register({ id, type: 'http', endpoint: member.url });
    }
    const offered = { servers: ['fixture', 'second'], naming: 'custom', names: { 'fixture_*': '*' } };
    await composer.ask('PUT', `/api/v1/virtual-servers/${SLUG}`, offered);
    return { composer, serverUrl: composer.addressOf(SLUG), log: output, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The fixture alone, as the suite must find it before anything is said of the composer. */
export async function openFixture({ fixtureEra = 'both' } = {}) {
  const fixture = await startFixture({ era: fixtureEra });
  return { serverUrl: fixture.url, log: () => '', close: fixture.stop };
}

function composerAt(url) {
  const ask = async (method, path, body) => {
    const answer = await fetch(url + path, {
      method,
      signal: AbortSignal.timeout(ASK_MS),
      ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text.slice(0, 500)}`);
    return text;
  };
  return {
    url,
    ask,
    addressOf: (slug) => `${url}/mcp/${slug}`,
    register: (server) => ask('POST', '/api/v1/servers', server),
    remove: (id) => ask('DELETE', `/api/v1/servers/${id}`),
    /** Has the composer ask the member what it offers. */
    check: (id) => ask('GET', `/api/v1/servers/${id}/health`),
  };
}

/** One that nobody listens on right now. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
