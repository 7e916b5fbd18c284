import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError } from './config.errors.js';
import { readEnv } from './read-env.js';

const schema = z.object({
  PORT: z.coerce.number('must be a number').max(65_535).default(9000),
  MODE: z.enum(['a', 'b']).optional(),
  PASSWORD: z.string().min(12).optional(),
});

describe('readEnv', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'read-env-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (text: string): string => {
    const path = join(folder, 'secret');
    writeFileSync(path, text);
    return path;
  };
  const problemsOf = (env: Record<string, string>): readonly string[] => {
    try {
      readEnv(schema, env);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  it('gives the variables that the schema names and no others', () => {
    expect(readEnv(schema, { PORT: '80', MODE: 'a', HOME: '/root' })).toEqual({ PORT: 80, MODE: 'a' });
  });

  it('takes an empty variable for an absent one', () => {
    expect(readEnv(schema, { PORT: '', MODE: '', PASSWORD: '', PASSWORD_FILE: '' })).toEqual({ PORT: 9000 });
  });

  it('reads NAME_FILE in place of NAME, without the line end behind the secret', () => {
    const env = { PASSWORD: 'from the environment', PASSWORD_FILE: file('  from a file\r\n\n') };
    expect(readEnv(schema, env)).toEqual({ PORT: 9000, PASSWORD: '  from a file' });
  });

  it('takes an empty file for an absent variable', () => {
    expect(readEnv(schema, { PORT_FILE: file('\n'), PASSWORD: 'from the environment' })).toMatchObject({ PORT: 9000 });
    expect(readEnv(schema, { PASSWORD_FILE: file(' \n') })).not.toHaveProperty('PASSWORD', expect.anything());
  });

  it('names a file that cannot be read by its variable, and tells no path', () => {
    const missing = join(folder, 'missing');
    expect(problemsOf({ PASSWORD_FILE: missing })).toEqual(['PASSWORD_FILE: cannot be read']);
  });

  it('lists every bad variable by name at once, and shows no value', () => {
    const env = { PORT: 'hunter2-port', MODE: 'hunter2-mode', PASSWORD_FILE: file('hunter2') };
    const problems = problemsOf(env);
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['PORT', 'MODE', 'PASSWORD']);
    expect(new ConfigError(problems).message).not.toContain('hunter2');
  });

  it('lists an unreadable file beside the other bad variables', () => {
    const problems = problemsOf({ PASSWORD_FILE: join(folder, 'missing'), PORT: 'x' });
    expect(problems).toEqual(['PASSWORD_FILE: cannot be read', 'PORT: must be a number']);
  });
});
