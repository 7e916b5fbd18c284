import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Log } from './log.js';
import { LOG_LEVELS, type ObservabilityConfig } from './observability.config.js';
import { SecretValues } from './secret-values.js';

const TOKEN = 'sesame-open-77';
const FORMATS = ['json', 'pretty'] as const;

describe('Log', () => {
  let lines: string[];
  let secrets: SecretValues;

  beforeEach(() => {
    lines = [];
    secrets = new SecretValues();
    secrets.remember(TOKEN);
  });

  const open = (config: Partial<ObservabilityConfig> = {}): Log =>
    Log.open({ level: 'trace', format: 'json', ...config }, secrets, (line) => lines.push(line));
  const written = (index = 0) => JSON.parse(lines[index]!) as Record<string, unknown>;

  it('writes one line per event: level, time, fields and a fixed text', () => {
    open().info('member built', { server: 'crm' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(written()).toEqual({ level: 'info', time: expect.any(String), server: 'crm', msg: 'member built' });
    expect(new Date(written()['time'] as string).toISOString()).toBe(written()['time']);
  });

  it.each(FORMATS)('stays on one line in %s, whatever the texts hold', (format) => {
    const log = open({ format });
    const forged = 'crm\n12:00:00 error forged\r\u001b[2J';
    log.info(forged, { server: forged, nested: { forged } });
    log.error(new Error(forged));
    log.error('failed', `Error: ${forged}`, forged);
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^\P{Cc}*\n$/u);
  });

  it('shows time, level, text and fields to people', () => {
    open({ format: 'pretty' }).warn('odd', { server: 'crm', count: 2 });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}odd server=crm count=2\n$/);
  });

  it('shows name, code, message, stack and causes of an error, and none of its other properties', () => {
    const cause = Object.assign(new TypeError('below'), { config: { headers: { authorization: 'let-me-in' } } });
    const error = Object.assign(new Error('above', { cause }), { code: 'E_ABOVE', request: { body: 'let-me-in' } });
    open().error('failed', { err: error });
    expect(written()['err']).toEqual({
      type: 'Error',
      code: 'E_ABOVE',
      message: 'above',
      stack: error.stack,
      cause: { type: 'TypeError', message: 'below' },
    });
    expect(lines.join('')).not.toContain('let-me-in');
  });

  it('comes to an end with an error that causes itself', () => {
    const error = new Error('round');
    error.cause = error;
    open().error('failed', { err: error });
    expect(written()['err']).toMatchObject({ message: 'round' });
  });

  it('shows of a thrown object that is no error only that it was one', () => {
    open().error('failed', { err: { password: 'let-me-in' } });
    expect(lines[0]).not.toContain('let-me-in');
  });

  it.each(FORMATS)('masks known secrets in %s, at every level, in texts, fields and errors', (format) => {
    const log = open({ format });
    const error = new Error(`refused ${TOKEN}`, { cause: new Error(JSON.stringify({ url: `http://a/?k=${TOKEN}` })) });
    for (const level of ['fatal', 'error', 'warn', 'debug', 'log'] as const) {
      log[level](`text ${TOKEN}`, { field: TOKEN, list: [{ deep: `x${TOKEN}x` }], err: error });
      log[level](error, `stack ${TOKEN}`, `context ${TOKEN}`);
    }
    log.info(`text ${TOKEN}`, { field: Buffer.from(TOKEN).toString('base64') });
    log.with({ bound: TOKEN }).info('bound');
    expect(lines).toHaveLength(12);
    for (const line of lines) expect(line).toContain('[secret]');
    expect(lines.join('')).not.toMatch(/sesame|c2VzYW1l/);
  });

  it('masks text that goes elsewhere', () => {
    expect(open().with({ tenant: 'acme' }).mask(`refused ${TOKEN}`)).toBe('refused [secret]');
  });

  it('masks a secret with quotes inside a text that is JSON itself', () => {
    secrets.remember('my "own" key');
    open().warn(`bad body: ${JSON.stringify({ key: 'my "own" key' })}`);
    expect(lines[0]).not.toContain('own');
  });

  it.each(FORMATS)('writes whole lines in %s even when a secret looks like a part of one', (format) => {
    secrets.remember('"level":"');
    secrets.remember('","msg":"');
    const log = open({ format });
    expect(() => log.info('first', { text: 'a","msg":"b' })).not.toThrow();
    expect(lines[0]).toContain('first');
    if (format === 'json') expect(written()).toMatchObject({ level: 'info', msg: 'first', text: 'a[secret]b' });
  });

  it('carries the fields of the log that it was made with, through any depth', () => {
    open().with({ tenant: 'acme' }).with({ server: 'crm' }).warn('slow', { ms: 7 });
    expect(written()).toMatchObject({ tenant: 'acme', server: 'crm', ms: 7, msg: 'slow' });
  });

  it.each(LOG_LEVELS)('writes at level %s nothing that is below it', (level) => {
    const log = open({ level });
    const methods = ['fatal', 'error', 'warn', 'info', 'debug'] as const;
    for (const method of methods) log[method](method);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(
      methods.slice(0, LOG_LEVELS.indexOf(level) + 1),
    );
  });

  describe("as Nest's logger", () => {
    beforeEach(() => Logger.overrideLogger(open()));
    afterEach(() => Logger.overrideLogger(['error']));

    it('keeps start-up chatter at debug, with its context', () => {
      new Logger('RoutesResolver').log('mapped');
      expect(written()).toMatchObject({ level: 'debug', msg: 'mapped', context: 'RoutesResolver' });
    });

    it('tells stack and context apart', () => {
      new Logger('Router').error('failed', 'Error: failed\n    at x');
      expect(written()).toMatchObject({ msg: 'failed', context: 'Router', stack: 'Error: failed\n    at x' });
    });

    it('takes an error in place of the text or of the stack', () => {
      new Logger('Router').error(new Error('boom'));
      new Logger('Router').warn('odd', new Error('boom'));
      expect(written(0)).toMatchObject({ msg: 'boom', context: 'Router', err: { message: 'boom' } });
      expect(written(1)).toMatchObject({ msg: 'odd', err: { message: 'boom' } });
    });
  });

  it('writes to stderr unless told otherwise, and nothing to stdout', () => {
    const err = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const out = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      Log.open({ level: 'info', format: 'json' }, secrets).info('hello');
      expect(err.mock.calls.map(([text]) => String(text))).toEqual([expect.stringContaining('"msg":"hello"')]);
      expect(out).not.toHaveBeenCalled();
    } finally {
      err.mockRestore();
      out.mockRestore();
    }
  });
});
