// Types several commands into the command line, one after the other, in one process: to load it takes longer than to
// run a command. `node typed-commands.mjs <cli.js> '[["tenant","create","acme"],…]'`; ends at the first that fails.
import { pathToFileURL } from 'node:url';

const [cli, commands] = process.argv.slice(2);

for (const [n, args] of JSON.parse(commands).entries()) {
  process.argv = [process.execPath, cli, ...args];
  // The address differs, so the entry runs once more; all that it imports is loaded already.
  await import(`${pathToFileURL(cli).href}?${n}`);
  if (process.exitCode) break;
}
