import 'reflect-metadata';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { limitGarbage } from './garbage-limit.js';

const FIRST_SUPPORTED_NODE = 22;
/** A terminal, a shell and npm may each pass on the same Ctrl-C: what follows this closely is no second request. */
const SAME_REQUEST_MS = 1_000;

type Closable = Promise<{ close(): Promise<void> }>;

/** What a stop has to close: the application once it exists, before that the database alone. */
interface Started {
  app?: NestFastifyApplication;
  /** The embedded database, which starts in a worker of its own while the modules of this thread are loaded. */
  embedded?: Closable | undefined;
  isStopping: boolean;
}

/** Start, listen, drain, stop: nothing else happens here. */
async function main(): Promise<void> {
  limitGarbage();
  const started: Started = { isStopping: false };
  stopOnSignal(started);
  try {
    await start(started);
  } catch (error) {
    if (started.isStopping) return; // what fails because it was stopped is no failure
    process.stderr.write(`mcp-composer cannot start: ${reasonOf(error)}\n`);
    // Nobody else closes it when the start failed before it was claimed.
    await started.embedded?.then((embedded) => embedded.close()).catch(() => undefined);
    process.exit(1);
  }
}

async function start(started: Started): Promise<void> {
  started.embedded = (await startDatabaseEarly()).embedded; // in an object, or it would be waited for
  const [{ createComposer, listen }, { FirstCallerAdvice }, { Log }] = await Promise.all([
    import('./create-composer.js'),
    import('./first-caller-advice.js'),
    import('#observability'),
  ]);
  const app = await createComposer();
  started.app = app;
  if (started.isStopping) return;

  const url = await listen(app);
  if (Number(process.versions.node.split('.')[0]) < FIRST_SUPPORTED_NODE) {
    const advice = 'this Node.js gets no security fixes any more; 24 is recommended';
    app.get(Log).warn(advice, { node: process.versions.node });
  }
  process.stdout.write(`MCP Composer ready on ${url}\n`);
  void app.get(FirstCallerAdvice).give(); // nobody waits for it
}

/** Not for a start that is going to fail: creating a database takes seconds. The rest is checked with everything else. */
async function startDatabaseEarly(): Promise<{ embedded: Closable | undefined }> {
  const [{ databaseConfig, keysConfig, startEmbeddedDatabase }, { listenConfig, stageConfig }, { accessConfig }] =
    await Promise.all([import('#persistence'), import('#config'), import('#access')]);
  const slices = [stageConfig, listenConfig, accessConfig, databaseConfig, keysConfig];
  const database = slices.every((slice) => slice.check().length === 0) ? databaseConfig() : undefined;
  if (database?.type !== 'embedded') return { embedded: undefined };
  const embedded = startEmbeddedDatabase(database.dataDir);
  embedded.catch(() => undefined); // told when it is claimed
  return { embedded };
}

function stopOnSignal(started: Started): void {
  let since: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      since ??= performance.now();
      if (started.isStopping) {
        if (performance.now() - since > SAME_REQUEST_MS) process.exit(1); // whoever asks twice does not want to wait
        return;
      }
      started.isStopping = true;
      stop(started, signal).then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`mcp-composer did not stop cleanly: ${reasonOf(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
}

async function stop({ app, embedded }: Started, signal: string): Promise<void> {
  if (!app) return embedded?.then((database) => database.close());
  const { Log } = await import('#observability');
  app.get(Log).info('stopping', { signal });
  await app.close();
}

/** One line, whatever the error is made of. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
}

await main();
