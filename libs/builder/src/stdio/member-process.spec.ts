import { realpathSync } from 'node:fs';
import { until } from '#persistence/testing';
import { afterEach, describe, it, jest } from '@jest/globals';
import { Deadlines } from '../wire/deadlines.js';
import { MemberProcess } from './member-process.js';

const NODE = realpathSync(process.execPath);
const log = { info: jest.fn(), warn: jest.fn(), error: jest.fn(), debug: jest.fn(), mask: (text: string) => text };

describe('MemberProcess', () => {
  const deadlines = new Deadlines(log as never);
  let one: MemberProcess;
  afterEach(async () => {
    one.kill();
    await one.stop();
    deadlines.onApplicationShutdown();
  });

  const start = (script: string) => {
    const command = { file: NODE, args: ['-e', script], env: {}, cwd: '/' };
    one = new MemberProcess({ command, deadlines, log: log as never, onGone: () => undefined });
    let said = '';
    one.listen({ output: (chunk) => void (said += String(chunk)), ended: () => undefined });
    return () => said;
  };

  it('lets a process wait that writes to its stderr without an end', async () => {
    start("const more = () => process.stderr.write('x'.repeat(65536), more); more()");
    await until(() => one.isHeldBack, 'to be held back');
    await until(() => !one.isHeldBack, 'to be read again');
    await until(() => one.isHeldBack, 'to be held back again');
  });

  it('reads on when a process has written very much', async () => {
    const said = start("process.stderr.write('x'.repeat(9e6)); process.stdout.write('done')");
    await until(() => said() === 'done', 'its end');
    await until(() => !one.isHeldBack, 'to be read again');
  });
});
