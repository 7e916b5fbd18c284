import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ComposerError } from '#kernel';
import { EmbeddedStartError } from '../persistence.errors.js';
import { DirectoryLock } from './directory-lock.js';
import { WORKER_SOURCE } from './worker-source.js';

/** The first start builds the cluster, which takes seconds; a machine under load takes several times as long. */
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const SOCKET_NAME = '.s.PGSQL.5432';
const SOCKET_DIRECTORY = /^mcpc-[A-Za-z0-9]{6}$/;
/** sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included (unix(7)). */
const SOCKET_PATH_LIMIT = 103;
/** Lies in a cluster directory whose first start went through. */
const COMPLETE = 'composer-complete';

interface Report {
  readonly ready?: boolean;
  readonly closed?: boolean;
  readonly failed?: string;
}

const starting = new Map<string, Promise<EmbeddedDatabase>>();

/**
 * Starts the embedded database of `dataDir` in a worker thread. Needs nothing but Node, so that it can start
 * while everything else still loads; `claimEmbeddedDatabase` finds it.
 *
 * Survives a kill of the process at any time. It does not survive a power cut: PGlite cannot fsync.
 *
 * @throws DataDirectoryLockedError when another process, or this one, has the directory open
 * @throws EmbeddedStartError
 */
export function startEmbeddedDatabase(dataDir: string): Promise<EmbeddedDatabase> {
  const directory = resolve(dataDir);
  const started = EmbeddedDatabase.start(directory);
  if (!starting.has(directory)) starting.set(directory, started);
  started.catch(() => starting.delete(directory)); // whoever claims it, or called, sees the failure
  return started;
}

/** The database of `dataDir` that this process has begun to start and nobody has claimed, else a new one. */
export async function claimEmbeddedDatabase(dataDir: string): Promise<EmbeddedDatabase> {
  const directory = resolve(dataDir);
  const early = starting.get(directory) ?? startEmbeddedDatabase(directory);
  starting.delete(directory);
  return early;
}

/** PGlite in a worker thread: one Postgres session, reached with any Postgres client in `host`. */
export class EmbeddedDatabase {
  readonly port = 5432;
  readonly user = 'postgres';
  readonly database = 'postgres';
  private closing: Promise<void> | undefined;
  private isRunning = true;

  private constructor(
    /** Directory of the unix socket, for this user alone. */
    readonly host: string,
    private readonly worker: Worker,
    private readonly lock: DirectoryLock,
    private readonly forget: () => void,
  ) {
    worker.once('exit', () => (this.isRunning = false));
  }

  /** @internal use `startEmbeddedDatabase` */
  static async start(dataDir: string): Promise<EmbeddedDatabase> {
    const host = makeSocketDirectory();
    let lock: DirectoryLock | undefined;
    try {
      lock = await DirectoryLock.acquire(join(dataDir, 'database.lock'), {
        leftover: host,
        onTakeover: removeSocketDirectory,
      });
      const worker = await startCluster(join(dataDir, 'database'), join(host, SOCKET_NAME));
      return new EmbeddedDatabase(host, worker, lock, () => starting.delete(dataDir));
    } catch (error) {
      lock?.release();
      removeSocketDirectory(host);
      if (error instanceof ComposerError) throw error;
      throw new EmbeddedStartError(dataDir, error instanceof Error ? error.message : String(error), error);
    }
  }

  /** Tells when the worker thread ends although nobody closed it. The database is lost to this process then. */
  onLoss(listener: () => void): void {
    this.worker.once('exit', () => {
      if (!this.closing) listener();
    });
  }

  /** Closes the cluster, then frees the data directory. Safe to call twice. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    this.forget();
    if (this.isRunning) {
      const closed = report(this.worker, STOP_DEADLINE_MS).catch(() => undefined);
      this.worker.postMessage('close');
      await closed;
      await this.worker.terminate();
    }
    this.lock.release();
    removeSocketDirectory(this.host);
  }
}

/** Opens the cluster; one whose very first start was cut short and that does not open is set aside. */
async function startCluster(dataDir: string, path: string): Promise<Worker> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const marker = join(dataDir, COMPLETE);
  const isHalfMade = !existsSync(marker) && readdirSync(dataDir).length > 0;
  let worker: Worker;
  try {
    worker = await startWorker(dataDir, path);
  } catch (error) {
    if (!isHalfMade) throw error;
    renameSync(dataDir, `${dataDir}.incomplete-${process.pid}-${Date.now()}`);
    mkdirSync(dataDir, { mode: 0o700 });
    rmSync(path, { force: true });
    worker = await startWorker(dataDir, path);
  }
  if (!existsSync(marker)) writeFileSync(marker, '');
  return worker;
}

async function startWorker(dataDir: string, path: string): Promise<Worker> {
  const modules = createRequire(import.meta.url);
  const workerData = {
    pglite: modules.resolve('@electric-sql/pglite'),
    socket: modules.resolve('@electric-sql/pglite-socket'),
    dataDir,
    path,
  };
  // No environment: nothing of it concerns the database, and it holds secrets.
  const worker = new Worker(WORKER_SOURCE, { eval: true, env: {}, execArgv: [], workerData });
  try {
    const { failed } = await report(worker, START_DEADLINE_MS);
    if (failed !== undefined) throw new EmbeddedStartError(dirname(dataDir), failed);
    worker.on('error', () => undefined); // told by 'exit'
    return worker;
  } catch (error) {
    await worker.terminate();
    throw error instanceof EmbeddedStartError ? error : new EmbeddedStartError(dirname(dataDir), String(error), error);
  }
}

/** The next message of the worker. */
function report(worker: Worker, deadline: number): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => reject(new Error(`no answer within ${deadline} ms`))), deadline);
    const onMessage = (message: Report): void => settle(() => resolve(message));
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (code: number): void => settle(() => reject(new Error(`its thread ended with code ${code}`)));
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      finish();
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

function makeSocketDirectory(): string {
  const isShort = join(tmpdir(), 'mcpc-123456', SOCKET_NAME).length <= SOCKET_PATH_LIMIT;
  return mkdtempSync(join(isShort ? tmpdir() : '/tmp', 'mcpc-')); // mkdtemp(3) creates it with mode 0700
}

/** Removes a directory that `makeSocketDirectory` made, and no other, whatever a lock file says. */
function removeSocketDirectory(directory: string): void {
  if (!SOCKET_DIRECTORY.test(basename(directory))) return;
  rmSync(join(directory, SOCKET_NAME), { force: true });
  rmSync(join(directory, `${SOCKET_NAME}.lock`), { force: true });
  try {
    if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
  } catch {
    // Gone already, or not ours.
  }
}
