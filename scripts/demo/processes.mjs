import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TETHER = new URL('./tether.mjs', import.meta.url).href;
const START_DEADLINE_MS = 60_000;
/** A composer that is told to stop while it creates its first database finishes that before. */
const STOP_DEADLINE_MS = 20_000;
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot'];
const MOST_OUTPUT = 64 * 1024;

/**
 * A composer as `npm start` runs it, with the settings of nobody else: own directory, own port, and what `env` adds.
 * `own` is told how to stop it before it has started.
 */
export async function startComposer(scratch, own, env = {}) {
  const composer = start('the composer', [join(ROOT, 'dist/apps/composer/src/main.js')], {
    cwd: scratch,
    env: {
      PORT: String(await freePort()),
      COMPOSER_DATA_DIR: join(scratch, 'data'),
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
      ...env,
    },
  });
  own(composer.stop);
  const [, mcpUrl] = await composer.told(/^MCP Composer ready on (\S+)$/m);
  return { mcpUrl, url: new URL(mcpUrl).origin, output: composer.output };
}

/** The composer is told its port, because the address where people connect members must be known before it listens. */
async function freePort() {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

/** The official test server of the Model Context Protocol, over one of its transports. */
export async function startEverything(scratch, own, transport) {
  const entry = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
  const everything = start('server-everything', [entry, transport], { cwd: scratch, env: { PORT: '0' } });
  own(everything.stop);
  return { origin: `http://127.0.0.1:${await everything.port}` };
}

/** Starts `node`, tethered to this process: it listens on loopback only, and ends when this process is gone. */
function start(name, args, { cwd, env }) {
  const inherited = Object.fromEntries(INHERITED.map((key) => [key, process.env[key]]));
  const child = spawn(process.execPath, ['--import', TETHER, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  const look = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-MOST_OUTPUT);
      for (const again of look) again();
    });
  }
  const ended = new Promise((resolve) => child.once('close', resolve));
  const failed = new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${code}: ${output.trim()}`)));
  });
  failed.catch(() => undefined); // only of interest while somebody waits
  const inTime = (wanted) => within(START_DEADLINE_MS, `${name} did not start`, Promise.race([wanted, failed]));

  const port = inTime(new Promise((resolve) => child.on('message', (message) => resolve(message.port))));
  port.catch(() => undefined);
  return {
    port,
    told: (pattern) =>
      inTime(
        new Promise((resolve) => {
          const again = () => {
            const match = pattern.exec(output);
            if (match) resolve(match);
          };
          look.push(again);
          again();
        }),
      ),
    output: () => output,
    async stop() {
      child.kill('SIGTERM'); // nothing happens if it has ended
      try {
        await within(STOP_DEADLINE_MS, `${name} did not stop`, ended);
      } catch {
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

async function within(milliseconds, what, wanted) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([wanted, late]);
  } finally {
    clearTimeout(timer);
  }
}
