import { afterEach, describe, expect, it } from '@jest/globals';
import { type Environment, setEnvironment } from '#config';
import { observabilityConfig } from './observability.config.js';

const read = (env: Environment) => {
  setEnvironment(env);
  return observabilityConfig();
};

describe('observabilityConfig', () => {
  const { isTTY } = process.stderr;
  afterEach(() => {
    process.stderr.isTTY = isTTY;
    setEnvironment(undefined);
  });

  it('logs at info, as JSON unless stderr is a terminal', () => {
    process.stderr.isTTY = false;
    expect(read({})).toEqual({ level: 'info', format: 'json' });
    process.stderr.isTTY = true;
    expect(read({})).toEqual({ level: 'info', format: 'pretty' });
    expect(read({ LOG_FORMAT: 'json' }).format).toBe('json');
  });

  it('reads levels in any case and refuses unknown ones by name', () => {
    expect(read({ LOG_LEVEL: 'DEBUG' }).level).toBe('debug');
    expect(observabilityConfig.check({ LOG_LEVEL: 'loud', LOG_FORMAT: 'xml' })).toEqual([
      expect.stringMatching(/^LOG_LEVEL: /),
      expect.stringMatching(/^LOG_FORMAT: /),
    ]);
  });
});
