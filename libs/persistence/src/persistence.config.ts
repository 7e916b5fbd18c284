import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, STAGES, configSlice } from '#config';
import { z } from 'zod';
import { type CloudantConfig, cloudantConfig, cloudantDatabase, cloudantWay } from './cloudant/cloudant.config.js';
import { KeyRing } from './sealing/key-ring.js';

export type { CloudantConfig } from './cloudant/cloudant.config.js';
export type DatabaseConfig = EmbeddedConfig | PostgresConfig | CloudantConfig;

export interface EmbeddedConfig {
  readonly type: 'embedded';
  /** Directory of the embedded database; created when absent. */
  readonly dataDir: string;
}

export interface PostgresConfig {
  readonly type: 'postgres';
  /** URL of the application role, with its password. */
  readonly url: string;
  /** URL of the role that owns the tables; the same as `url` where one role does both. */
  readonly migrationUrl: string;
}

export interface KeysConfig {
  /** The key ring that COMPOSER_KEYS spells, which cannot change while the process runs. Absent: it is in `file`. */
  readonly ring?: KeyRing;
  /** Where the key ring lies. What is in it may change at any time. */
  readonly file: string;
  /** The file is the operator's. Otherwise it is generated where it is missing. */
  readonly isGiven?: boolean;
}

const DATA_DIR = z.string().default('.data');
const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'is not a postgres:// URL' });

/** Which database holds everything, and as whom it is reached. */
export const databaseConfig = configSlice(
  'database',
  z.object({
    DATABASE_TYPE: z.enum(['embedded', 'postgres', 'cloudant']).default('embedded'),
    DATABASE_URL: postgresUrl.optional(),
    MIGRATION_DATABASE_URL: postgresUrl.optional(),
    COMPOSER_DATA_DIR: DATA_DIR,
    COMPOSER_STAGE: z.enum(STAGES).default('development'),
    CLOUDANT_URL: z.string().optional(),
    CLOUDANT_AUTH_TYPE: cloudantWay.default('IAM'),
    CLOUDANT_APIKEY: z.string().optional(),
    CLOUDANT_USERNAME: z.string().optional(),
    CLOUDANT_PASSWORD: z.string().optional(),
    CLOUDANT_DATABASE: cloudantDatabase.default('mcp_servers'),
    CLOUDANT_IAM_URL: z.string().optional(),
    CLOUDANT_AUTH_URL: z.string().optional(),
  }),
  (env): DatabaseConfig => {
    if (env.DATABASE_TYPE === 'cloudant') return cloudantConfig(env);
    if (env.DATABASE_TYPE === 'embedded') {
      const problems = env.COMPOSER_STAGE === 'development' ? [] : unusedAddresses(env);
      if (problems.length > 0) throw new ConfigError(problems);
      return { type: 'embedded', dataDir: env.COMPOSER_DATA_DIR };
    }
    const url = env.DATABASE_URL;
    if (url === undefined) throw new ConfigError(['DATABASE_URL: is needed when DATABASE_TYPE is postgres']);
    return { type: 'postgres', url, migrationUrl: env.MIGRATION_DATABASE_URL ?? url };
  },
);

/** Who names a database and forgets its type would find everything in the data directory. */
function unusedAddresses(env: {
  readonly DATABASE_URL?: string | undefined;
  readonly CLOUDANT_URL?: string | undefined;
}) {
  const types = { DATABASE_URL: 'postgres', CLOUDANT_URL: 'cloudant' } as const;
  return (['DATABASE_URL', 'CLOUDANT_URL'] as const)
    .filter((name) => env[name] !== undefined)
    .map((name) => `${name}: is set, but not used unless DATABASE_TYPE is ${types[name]}; set both, or neither`);
}

/** The keys that wrap the tenants' data keys. Only development may go without: it keeps a generated one. */
export const keysConfig = configSlice(
  'keys',
  z.object({
    COMPOSER_KEYS: z.string().optional(),
    COMPOSER_KEYS_FILE: z.string().optional(),
    COMPOSER_STAGE: z.enum(STAGES).default('development'),
    COMPOSER_DATA_DIR: DATA_DIR,
  }),
  ({
    COMPOSER_KEYS: keys,
    COMPOSER_KEYS_FILE: given,
    COMPOSER_STAGE: stage,
    COMPOSER_DATA_DIR: dataDir,
  }): KeysConfig => {
    const file = join(dataDir, 'keys');
    if (keys === undefined) {
      if (stage === 'development' && given === undefined) return { file: sound(file) };
      throw new ConfigError([`COMPOSER_KEYS: is needed; ${KeyRing.REMEDY}`]);
    }
    const ring = KeyRing.parse(keys);
    if (ring instanceof KeyRing) return given === undefined ? { ring, file } : { file: given, isGiven: true };
    throw new ConfigError(ring.map((fault) => `COMPOSER_KEYS: ${fault}; ${KeyRing.REMEDY}`));
  },
);

/** A generated ring that is there must be whole; where it is not there yet, it will be. */
function sound(file: string): string {
  if (!existsSync(file)) return file;
  const ring = KeyRing.parse(textOf(file));
  if (ring instanceof KeyRing) return file;
  const remedy = 'restore it from a backup, or delete it together with the database';
  throw new ConfigError([`COMPOSER_DATA_DIR: the key ring in ${file}: ${ring.join(', ')}; ${remedy}`]);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError([`COMPOSER_DATA_DIR: the key ring in ${file} cannot be read; check its rights`]);
  }
}
