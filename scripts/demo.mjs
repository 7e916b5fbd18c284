// `npm run demo`: sample members of every kind and strategy on loopback, registered with a composer of their own and
// called through it by the official client. Ends by itself and leaves nothing behind.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run demo [-- --keep]

Starts, on loopback, one small REST service per authentication strategy, with its issuer where it has one, a GraphQL
service, and the official MCP test server over all of its transports; starts a composer of its own, registers them all,
and calls a tool of each through /mcp, in both eras of the protocol. Prompts, a tool from a curl command and tools from a
part of an OpenAPI document are given to the composer itself. What issuers have given is ended in between, so that
it has to be renewed. Members that a person has to connect are connected by the demo: it opens the page that the call
answers with, signs in, and agrees.

  --keep   leave everything running afterwards and say how to connect, until Ctrl-C; one more member waits for you
           to connect it in your browser
  --help   show this

Exit codes: 0 every member answered, 1 something failed, 2 wrong usage.
`;
const FAILED = 1;
const INTERRUPTED = 130;
/** How long a signal that others of the group have had already may still be on its way. */
const SIGNAL_MS = 1_000;

function readOptions() {
  try {
    return parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`demo: ${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

/** Whatever happens, in the end everything that was started is stopped, the last first. */
async function run({ keep }) {
  const stops = [];
  let isDone = false;
  const interrupted = interruption();
  try {
    await Promise.race([
      interrupted,
      demonstrate((stop) => stops.push(stop), keep ? () => (isDone = true) : undefined),
    ]);
    return 0;
  } catch (error) {
    if (isDone) return 0;
    const cause = await causeOf(error, interrupted);
    process.stderr.write(`demo: ${cause.message}\n`);
    return cause.exitCode ?? FAILED;
  } finally {
    for (const stop of stops.toReversed()) await stop().catch(() => undefined);
  }
}

/** A signal to the whole group may end a server before it reaches us: then the interruption is what happened. */
function causeOf(error, interrupted) {
  const nothingElse = new Promise((resolve) => setTimeout(resolve, SIGNAL_MS, error));
  return Promise.race([interrupted, nothingElse]).catch((interruption) => interruption);
}

function interruption() {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => reject(Object.assign(new Error('interrupted'), { exitCode: INTERRUPTED })));
    }
  });
}

async function demonstrate(own, onKept) {
  if (!existsSync(fileURLToPath(new URL('../dist/apps/composer/src/main.js', import.meta.url)))) {
    throw new Error('the composer is not built; start it as `npm run demo`');
  }
  // Not at the top: `--help` must work before anything is installed.
  const { STRATEGIES, oauth2 } = await import('./demo/strategies.mjs');
  const { startGreeter } = await import('./demo/greeter.mjs');
  const { startGraphqlGreeter } = await import('./demo/graphql-greeter.mjs');
  const { startComposer, startEverything } = await import('./demo/processes.mjs');
  const tour = await import('./demo/tour.mjs');
  const local = await import('./demo/local-servers.mjs');
  const { heading, row } = await import('./demo/table.mjs');

  const scratch = mkdtempSync(join(tmpdir(), 'composer-demo-'));
  own(async () => rmSync(scratch, { recursive: true, force: true }));
  const [composer, ...servers] = await Promise.all([
    startComposer(scratch, own, { STDIO_ALLOWLIST: local.EVERYTHING_STDIO.command }),
    ...tour.TRANSPORTS.map(({ argument }) => startEverything(scratch, own, argument)),
  ]);
  const clients = await tour.connectClients(composer.mcpUrl);
  own(() => Promise.all(clients.map((client) => client.close())));

  const failed = [];
  const show = (visit) => {
    process.stdout.write(`${row(visit)}\n`);
    if (!visit.ok) failed.push(visit.id);
  };
  const visit = async (described) => {
    const { member, greeter } = await openMember(described);
    if (member.needsPerson) await tour.connectMember(clients.at(-1), member, composer);
    return tour.visitGreeter(clients, member, greeter);
  };
  const openMember = async (described) => {
    const redirectUri = `${composer.url}/connect/callback`;
    const member = described.open ? { ...described, ...(await described.open({ own, redirectUri })) } : described;
    return { member, greeter: await greeterOf(member) };
  };
  const greeterOf = async (member) => {
    const greeter = await startGreeter(member.check, { own, answer: member.answer });
    await tour.register(composer, tour.greeterConfig(member, greeter));
    return greeter;
  };
  const bearer = STRATEGIES.find(({ auth_strategy }) => auth_strategy === 'bearer');
  process.stdout.write(`${heading(tour.ERAS)}\n`);
  for (const member of STRATEGIES) show(await visit(member));
  const ofBearer = ({ auth_strategy, auth, check }) => ({ auth_strategy, auth, check });
  show(await visit({ ...ofBearer(bearer), id: 'layered', layered: true, tool: 'make_tool_call' }));
  const graphql = await startGraphqlGreeter(own);
  await tour.register(composer, graphql.config);
  show(await tour.visitGraphql(clients, graphql));
  for (const [index, transport] of tour.TRANSPORTS.entries()) {
    const { origin } = servers[index];
    await tour.register(composer, { id: transport.id, type: transport.type, endpoint: origin + transport.path });
    show(await tour.visitEverything(clients, transport));
  }
  await tour.register(composer, local.EVERYTHING_STDIO);
  show(await tour.visitEverything(clients, { id: local.EVERYTHING_STDIO.id, seen: 'MCP over stdio' }));
  show(await local.visitPrompts(composer));
  for (const [id, add, tool] of [
    ['curl', local.addCurlTool, 'curl'],
    ['fragment', local.addFragment],
  ]) {
    const member = { ...ofBearer(bearer), id, ...(tool ? { tool } : {}) };
    const greeter = await startGreeter(member.check, { own });
    await add(clients.at(-1), member, greeter);
    show(await tour.visitGreeter(clients, member, greeter));
  }
  const wrong = withWrongSecret(bearer);
  show(await tour.visitRefused(clients.at(-1), wrong, await greeterOf(wrong)));

  if (failed.length > 0) throw new Error(`failed for ${failed.join(', ')}; the composer wrote:\n${composer.output()}`);
  process.stdout.write('Every member answered, and the wrong credential was refused.\n');
  if (!onKept) return;
  const yours = oauth2('yours', 'authorization_code');
  await openMember(yours);
  onKept();
  process.stdout.write(invitation(composer, tour.connectLink(composer, yours.id)));
  await new Promise(() => undefined); // the interruption ends it
}

function withWrongSecret({ id, auth, secret, ...rest }) {
  return { ...rest, id: `wrong-${id}`, auth: { ...auth, [secret]: 'not-the-right-one' } };
}

const invitation = ({ mcpUrl, url }, link) => `
Still running, until Ctrl-C. Connect any MCP client (Streamable HTTP) to ${mcpUrl}
  curl ${url}/api/v1/servers    what is registered
  curl ${url}/health            how it is
  ${url}/docs                   the API

The member "yours" waits for you. Until you have connected it, its tool answers with this page:
  ${link}
`;

const options = readOptions();
if (options.help) process.stdout.write(HELP);
else process.exit(await run(options)); // a tour that was broken off may still wait for something
