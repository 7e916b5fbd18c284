import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'dotenv';

export type Environment = Readonly<Record<string, string | undefined>>;

export const STAGES = ['development', 'staging', 'production'] as const;
export type Stage = (typeof STAGES)[number];

let current: Environment | undefined;

/**
 * The variables of this process: the real environment, then `.env.<stage>`, then `.env`, first one wins.
 * Read once; the only place of the code base that looks at `process.env`.
 */
export function environment(): Environment {
  current ??= readFiles(process.env);
  return current;
}

/** For tests: the environment that the next `environment()` gives, or a fresh reading of the real one. */
export function setEnvironment(values: Environment | undefined): void {
  current = values;
}

function readFiles(real: Environment): Environment {
  const base = dotenv('.env');
  const stage = real['COMPOSER_STAGE'] || base['COMPOSER_STAGE'] || 'development';
  return over(over(base, dotenv(`.env.${stage}`)), real);
}

/** A `NAME` also hides the `NAME_FILE` of a weaker source: both say what the value is. */
function over(weaker: Environment, stronger: Environment): Environment {
  const isHidden = (name: string): boolean => name.endsWith('_FILE') && !!stronger[name.slice(0, -'_FILE'.length)];
  return { ...Object.fromEntries(Object.entries(weaker).filter(([name]) => !isHidden(name))), ...stronger };
}

function dotenv(file: string): Environment {
  return existsSync(file) ? parse(readFileSync(file)) : {};
}
