import { type ConfigFactoryKeyHost, registerAs } from '@nestjs/config';
import type { z } from 'zod';
import { ConfigError } from './config.errors.js';
import { type Environment, environment } from './environment.js';
import { readEnv } from './read-env.js';

/** What one lib reads from the environment: its variables, their schema, and the object made of them. */
export interface ConfigSlice<T extends object> extends ConfigFactoryKeyHost<T> {
  (): T;
  readonly check: (env?: Environment) => readonly string[];
}

/**
 * Declares a lib's slice of the configuration. Import it with `ConfigModule.forFeature(slice)` and inject it with
 * `@Inject(slice.KEY)`.
 *
 * @param name unique name of the slice
 * @param schema one zod object, its keys are the names of the variables
 * @param shape makes the object that the lib's classes see
 */
export function configSlice<S extends z.ZodObject, T extends object>(
  name: string,
  schema: S,
  shape: (values: z.infer<S>) => T,
): ConfigSlice<T> {
  const slice = registerAs(name, () => shape(readEnv(schema)));
  const check = (env: Environment = environment()): readonly string[] => {
    try {
      shape(readEnv(schema, env));
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
  };
  return Object.assign(slice, { check });
}

/** Checks all slices and throws one `ConfigError` that lists every bad variable of every slice. */
export function checkSlices(slices: readonly Pick<ConfigSlice<object>, 'check'>[]): void {
  const problems = [...new Set(slices.flatMap((slice) => slice.check()))];
  if (problems.length > 0) throw new ConfigError(problems);
}
