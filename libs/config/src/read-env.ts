import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { ConfigError } from './config.errors.js';
import { type Environment, environment } from './environment.js';

/**
 * Parses the variables that `schema` names. `NAME_FILE` stands in for `NAME`, so that secrets can be mounted;
 * an empty variable or file counts as absent.
 */
export function readEnv<S extends z.ZodObject>(schema: S, env: Environment = environment()): z.infer<S> {
  const problems: string[] = [];
  const raw: Record<string, string | undefined> = {};
  for (const name of Object.keys(schema.shape)) {
    try {
      raw[name] = lookUp(name, env);
    } catch {
      problems.push(`${name}_FILE: cannot be read`);
    }
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success && problems.length === 0) return parsed.data;
  const faults = parsed.success ? [] : parsed.error.issues;
  // zod's messages describe what was expected; those of our own schemas never echo the input.
  throw new ConfigError([...problems, ...faults.map((issue) => `${issue.path.join('.')}: ${issue.message}`)]);
}

function lookUp(name: string, env: Environment): string | undefined {
  const file = env[`${name}_FILE`];
  return (file ? readFileSync(file, 'utf8').trimEnd() : env[name]) || undefined;
}
