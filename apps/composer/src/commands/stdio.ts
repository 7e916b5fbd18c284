import { Command } from 'commander';
import { ownStdout } from '../stdio/own-stdout.js';

interface StdioOptions {
  readonly server?: string;
  readonly http?: boolean;
}

/** Serves the composer itself to one client that has started it. */
export function stdioCommand(): Command {
  return new Command('stdio')
    .description(
      'Serve the composer to a desktop client: MCP on stdin and stdout, logs on stderr. It runs in this process, with the ' +
        'configuration and the database of the current environment, and ends with its input.',
    )
    .option('--server <slug>', 'offer one virtual server, or one server with its names unprefixed, as /mcp/<slug> does')
    .option('--http', 'serve HTTP besides, at HOST and PORT: the API, and the pages where a person connects a server')
    .action(serve);
}

async function serve({ server: slug, http }: StdioOptions): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  const output = ownStdout();

  const [{ createComposer, listen }, { serveStdio }, { inProcess }, { callerHeaders }, { Log }] = await Promise.all([
    import('../create-composer.js'),
    import('../stdio/stdio-server.js'),
    import('../stdio/in-process.js'),
    import('../stdio/caller-headers.js'),
    import('#observability'),
  ]);
  const headers = callerHeaders();
  const app = await createComposer();
  const log = app.get(Log);
  try {
    if (http) log.info('HTTP is served besides', { url: await listen(app) });
    log.info('serving a client over stdio', slug === undefined ? {} : { server: slug });
    await serveStdio({
      input: process.stdin,
      output,
      signal: stopping.signal,
      send: inProcess(app.getHttpServer()),
      path: slug === undefined ? '/mcp' : `/mcp/${encodeURIComponent(slug)}`,
      headers,
      log,
    });
  } finally {
    await app.close();
    process.stdin.destroy();
  }
}
