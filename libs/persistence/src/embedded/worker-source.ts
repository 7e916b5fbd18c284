/**
 * What the worker thread of the embedded database runs: PGlite behind a unix socket that speaks the Postgres
 * protocol. Plain JavaScript in a string, because one and the same source must start from the compiled output
 * and from TypeScript under Jest, where a worker thread has no transformer.
 *
 * `workerData`: `pglite`, `socket` (module files), `dataDir`, `path` (of the unix socket).
 * Says `{ ready: true }` or `{ failed: reason }`; any message to it closes the database, then `{ closed: true }`.
 */
export const WORKER_SOURCE = `
'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const { PGlite } = require(workerData.pglite);
const { PGLiteSocketServer } = require(workerData.socket);

async function main() {
  const db = await PGlite.create({ dataDir: workerData.dataDir, postgresqlconf: ['shared_buffers=16MB'] });
  // With room for one connection only, a client that reconnects after an error meets its own predecessor.
  const server = new PGLiteSocketServer({ db, path: workerData.path, maxConnections: 8 });
  await server.start();
  parentPort.once('message', () => {
    server.stop().then(() => db.close()).finally(() => parentPort.postMessage({ closed: true }));
  });
  parentPort.postMessage({ ready: true });
}

main().catch((error) => parentPort.postMessage({ failed: String((error && error.message) || error) }));
`;
