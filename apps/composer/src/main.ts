import 'reflect-metadata';

const FIRST_SUPPORTED_NODE = 22;

/** Start, listen, drain, stop: nothing else happens here. */
async function main(): Promise<void> {
  // The embedded database starts in a worker of its own while the modules of this thread are loaded.
  const { databaseConfig, startEmbeddedDatabase } = await import('#persistence');
  const database = databaseConfig.check().length === 0 ? databaseConfig() : undefined;
  const early = database?.type === 'embedded' ? startEmbeddedDatabase(database.dataDir) : undefined;
  early?.catch(() => undefined); // told when it is claimed
  try {
    await serve();
  } catch (error) {
    process.stderr.write(`mcp-composer cannot start: ${reasonOf(error)}\n`);
    // Nobody else closes it when the start failed before it was claimed.
    await early?.then((embedded) => embedded.close()).catch(() => undefined);
    process.exit(1);
  }
}

async function serve(): Promise<void> {
  const [{ createComposer, listen }, { Log }] = await Promise.all([
    import('./create-composer.js'),
    import('#observability'),
  ]);
  const app = await createComposer();
  const log = app.get(Log);

  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1); // asked twice: whoever asks does not want to wait
      isStopping = true;
      log.info('stopping', { signal });
      void app.close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error('the composer did not stop cleanly', { err: error });
          process.exit(1);
        },
      );
    });
  }
  const url = await listen(app);
  if (Number(process.versions.node.split('.')[0]) < FIRST_SUPPORTED_NODE) {
    log.warn('this Node.js gets no security fixes any more; 24 is recommended', { node: process.versions.node });
  }
  process.stdout.write(`MCP Composer ready on ${url}\n`);
}

/** One line, whatever the error is made of. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
}

await main();
