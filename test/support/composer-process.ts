import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyEmbeddedTemplate } from '#persistence/testing';
import { type Ended, RunningChild } from './child-process.js';

/** What `npm start` runs. `npm test` has built it before any test runs. */
export const COMPOSER_MAIN = fileURLToPath(new URL('../../dist/apps/composer/src/main.js', import.meta.url));

export interface ComposerOptions {
  /** Added to the defaults: a free port and an own data directory. `undefined` takes a default away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * A data directory of the caller, which stays when the composer stops. A new one is given an empty database: to build
   * one takes longer than all else that a start does.
   */
  readonly dataDir?: string;
  /** Flags for node. */
  readonly args?: readonly string[];
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where the answer is JSON, else its text. */
  // Tests read into it without declaring every answer's shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- see above
  readonly body: any;
}

/** Waits until the composer serves. Throws, with everything that it wrote, if it ends instead. */
export async function startComposer(options: ComposerOptions = {}): Promise<ComposerProcess> {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-e2e-'));
  const dataDir = options.dataDir ?? join(scratch, 'data');
  const isEmbedded = (options.env?.['DATABASE_TYPE'] ?? 'embedded') === 'embedded';
  if (isEmbedded && !existsSync(join(dataDir, 'database'))) await copyEmbeddedTemplate(dataDir);
  const child = spawnComposer({ ...options, dataDir }, scratch);
  try {
    const [, mcpUrl] = await child.waitFor('stdout', /^MCP Composer ready on (\S+)$/m);
    return new ComposerProcess(child, { mcpUrl: mcpUrl ?? '', dataDir, scratch });
  } catch (error) {
    child.signal('SIGKILL');
    rmSync(scratch, { recursive: true, force: true });
    throw error;
  }
}

/** For starts that are meant to fail: waits for the end. */
export async function runComposer(options: ComposerOptions = {}): Promise<Ended> {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-e2e-'));
  try {
    return await spawnComposer({ dataDir: join(scratch, 'data'), ...options }, scratch).end();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The working directory is empty, so that no `.env` of a developer gets into a test. */
function spawnComposer({ env, dataDir, args = [] }: ComposerOptions, cwd: string): RunningChild {
  if (!existsSync(COMPOSER_MAIN)) throw new Error('the composer is not built: run node scripts/prepare.mjs');
  return new RunningChild([process.execPath, ...args, COMPOSER_MAIN], {
    cwd,
    env: { PORT: '0', COMPOSER_DATA_DIR: dataDir, LOG_FORMAT: 'json', ...env },
  });
}

/** A composer in a process of its own. */
export class ComposerProcess {
  readonly mcpUrl: string;
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string;
  readonly dataDir: string;
  private readonly scratch: string;

  constructor(
    private readonly child: RunningChild,
    { mcpUrl, dataDir, scratch }: { mcpUrl: string; dataDir: string; scratch: string },
  ) {
    this.mcpUrl = mcpUrl;
    this.url = new URL(mcpUrl).origin;
    this.dataDir = dataDir;
    this.scratch = scratch;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Everything written until now. */
  stdout(): string {
    return this.child.stdout;
  }

  /** Everything written until now: the log. */
  stderr(): string {
    return this.child.stderr;
  }

  /** Waits for a line of the log. */
  async logged(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray> {
    return this.child.waitFor('stderr', pattern, withinMs);
  }

  /** @param path from the root, `/api/v1/servers` for instance. A string as body is sent as it is. */
  async api(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const response = await fetch(this.url + path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  /** Resolves when the process is gone. The data directory stays; `startComposer({ dataDir })` takes it over. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' = 'SIGKILL'): Promise<Ended> {
    return this.child.kill(signal);
  }

  /** Ends it if it still runs, and removes its data directory unless the caller gave one. */
  async stop(): Promise<void> {
    try {
      if (!this.child.hasEnded) await this.child.kill('SIGTERM');
    } finally {
      rmSync(this.scratch, { recursive: true, force: true });
    }
  }
}
