// A member that is a process, for tests: what it does is said by its first argument, the place of its notes by the second.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';

const [, , mode = 'echo', notes] = process.argv;
const note = (text) => notes && appendFileSync(notes, `${text}\n`);
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (said) => ({ content: [{ type: 'text', text: said }] });
const isModern = mode.startsWith('modern');
/** Of all processes that share the notes. */
const haveChanged = () => notes && existsSync(notes) && readFileSync(notes, 'utf8').includes('tools have changed');
/** Calls that wait for an answer of the caller, by the id of the question. */
const waiting = new Map();
const capabilities = mode.endsWith('watched')
  ? { tools: { listChanged: true }, resources: { subscribe: true } }
  : { tools: {} };
const subscribed = new Set();
/** The `subscriptions/listen` that stands, of the modern era. */
let listening;

note(`start ${process.pid} ${JSON.stringify([process.cwd(), process.env])}`);
if (mode === 'crash') process.exit(3);
if (mode === 'stubborn') {
  process.on('SIGTERM', () => note('SIGTERM'));
  setInterval(() => undefined, 1_000);
}
if (mode === 'family') {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  note(`child ${child.pid}`);
}

const answers = {
  'server/discover': () =>
    isModern ? { result: { supportedVersions: ['2026-07-28'], capabilities, resultType: 'complete' } } : undefined,
  initialize: () =>
    isModern
      ? undefined
      : {
          result: {
            protocolVersion: '2025-11-25',
            capabilities,
            serverInfo: { name: 'fixture', version: '1' },
          },
        },
  'tools/list': () => ({
    result: {
      tools: (haveChanged() ? ['echo', 'new'] : ['echo']).map((name) => ({ name, inputSchema: { type: 'object' } })),
    },
  }),
  'resources/list': () => ({ result: { resources: [] } }),
  'resources/templates/list': () => ({ result: { resourceTemplates: [] } }),
  'resources/subscribe': ({ uri }) => (uri.startsWith('note:') ? subscribed.add(uri) && { result: {} } : undefined),
  'resources/unsubscribe': ({ uri }) => ({ result: {}, gone: subscribed.delete(uri) }),
};

const calls = {
  echo: ({ said = 'echo' }) => text(said),
  meta: (args, params) => text(JSON.stringify(params._meta ?? null)),
  environment: () => text(JSON.stringify(process.env)),
  pid: () => text(String(process.pid)),
  die: () => process.kill(process.pid, 'SIGKILL'),
  never: () => undefined,
  nonsense: () => {
    process.stdout.write('not json\n{"jsonrpc":"1.0"}\n[]\n\n');
    process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a]));
    return text('after nonsense');
  },
  endless: () => void process.stdout.write('x'.repeat(2 * 1024 * 1024)),
  flood: () => {
    for (let n = 0; n < 11_000; n++) say({ method: 'notifications/message', params: { level: 'info' } });
  },
  change: () => {
    note('tools have changed');
    say({ method: 'notifications/tools/list_changed' });
    return text('changed');
  },
  /** Changes a resource, and tells of it where it was subscribed to in this process. */
  touch: ({ uri }) => {
    wishes.update({ uri });
    return text(String(process.pid));
  },
  stderr: ({ lines = 1, said = 'words' }) => {
    for (let n = 0; n < lines; n++) process.stderr.write(`${said} ${n}\n`);
    return text('written');
  },
  deaf: () => process.stdin.pause(),
  /** Answers with what the caller says, and with the process. */
  ask: ({ method = 'roots/list' }, params, call) => {
    waiting.set(`q-${call}`, call);
    say({ id: `q-${call}`, method, params: { message: 'Well?' } });
  },
  /** Asks, and does not wait for what it is told. */
  'ask and go': (args, params, call) => {
    say({ id: `q-${call}`, method: 'roots/list' });
    return text(String(process.pid));
  },
  /** Asks when nobody waits any more. */
  late: () => {
    setTimeout(() => say({ id: 'late', method: 'roots/list' }), 50);
    return text('done');
  },
  progress: (args, { _meta }) => {
    say({ method: 'notifications/progress', params: { progressToken: _meta?.progressToken, progress: 1 } });
    return text('done');
  },
};

/** What a test wants of whichever process it concerns: it stands in the notes. */
const wishes = {
  update: ({ uri }) => {
    const _meta = listening && { 'io.modelcontextprotocol/subscriptionId': listening.id };
    const isHeard = listening ? listening.notifications.resourceSubscriptions?.includes(uri) : subscribed.has(uri);
    if (isHeard) say({ method: 'notifications/resources/updated', params: { uri, _meta } });
  },
  'end listening': () => say({ method: 'notifications/cancelled', params: { requestId: listening.id } }),
  change: () => calls.change(),
  die: () => process.exit(1),
};
if (mode.endsWith('watched')) {
  const wished = () =>
    readFileSync(notes, 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('please ') ? [JSON.parse(line.slice(7))] : []));
  let known = wished().length;
  setInterval(() => {
    for (const wish of wished().slice(known)) {
      known++;
      wishes[wish.do](wish);
    }
  }, 20).unref();
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {}, result, error } = JSON.parse(line);
  note(`${method ?? 'answer'} ${JSON.stringify(id ?? params)}`);
  if (method === 'initialize') note(`declared ${JSON.stringify(params.capabilities)}`);
  if (method === undefined) {
    const outcome = JSON.stringify(result ?? error);
    note(`told ${id} ${outcome}`);
    if (waiting.has(id)) say({ id: waiting.get(id), result: text(`${process.pid} ${outcome}`) });
  }
  if (mode === 'fussy' && method === 'server/discover') process.exit(1);
  if (id === undefined || method === undefined || mode === 'silent') return;
  if (method === 'tools/call') {
    const answer = calls[params.arguments?.do ?? 'echo'](params.arguments ?? {}, params, id);
    if (answer) say({ id, result: answer });
    return;
  }
  if (method === 'subscriptions/listen' && mode === 'modern-watched') {
    const { notifications } = params;
    listening = { id, notifications };
    const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
    return say({ method: 'notifications/subscriptions/acknowledged', params: { notifications, _meta } });
  }
  const answer = answers[method]?.(params);
  say({ id, ...(answer ?? { error: { code: -32601, message: 'Method not found' } }) });
});
