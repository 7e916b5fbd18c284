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
    isModern
      ? { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, resultType: 'complete' } }
      : undefined,
  initialize: () =>
    isModern
      ? undefined
      : {
          result: {
            protocolVersion: '2025-11-25',
            capabilities: { tools: {} },
            serverInfo: { name: 'fixture', version: '1' },
          },
        },
  'tools/list': () => ({
    result: {
      tools: (haveChanged() ? ['echo', 'new'] : ['echo']).map((name) => ({ name, inputSchema: { type: 'object' } })),
    },
  }),
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
  const answer = answers[method]?.();
  say({ id, ...(answer ?? { error: { code: -32601, message: 'Method not found' } }) });
});
