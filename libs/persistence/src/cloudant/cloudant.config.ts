import { ConfigError, type Stage } from '#config';
import { parseUrl } from '#kernel';
import { z } from 'zod';

export interface CloudantConfig {
  readonly type: 'cloudant';
  readonly url: string;
  /** Name of the database, which is made where it is missing and may be. */
  readonly database: string;
  readonly authentication:
    | { readonly type: 'iam'; readonly apikey: string; readonly url?: string }
    | { readonly type: 'basic' | 'session'; readonly username: string; readonly password: string };
}

/** The names that the SDK has for its ways in, and ours. */
const WAYS = { IAM: 'iam', BASIC: 'basic', COUCHDB_SESSION: 'session', SESSION: 'session' } as const;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** CouchDB API reference, "PUT /{db}". */
export const cloudantDatabase = z
  .string()
  .regex(/^[a-z][a-z0-9_$()+/-]{0,127}$/, 'is not the name of a CouchDB database');

export const cloudantWay = z
  .string()
  .transform((way) => way.toUpperCase())
  .pipe(z.enum(['IAM', 'BASIC', 'COUCHDB_SESSION', 'SESSION'], 'is none of IAM, BASIC, COUCHDB_SESSION'));

interface Variables {
  readonly COMPOSER_STAGE: Stage;
  readonly CLOUDANT_URL?: string | undefined;
  readonly CLOUDANT_AUTH_TYPE: z.infer<typeof cloudantWay>;
  readonly CLOUDANT_APIKEY?: string | undefined;
  readonly CLOUDANT_USERNAME?: string | undefined;
  readonly CLOUDANT_PASSWORD?: string | undefined;
  readonly CLOUDANT_DATABASE: string;
  readonly CLOUDANT_IAM_URL?: string | undefined;
  readonly CLOUDANT_AUTH_URL?: string | undefined;
}

/** @throws ConfigError naming everything that is missing for the chosen way in */
export function cloudantConfig(env: Variables): CloudantConfig {
  const way = WAYS[env.CLOUDANT_AUTH_TYPE];
  const iamName = env.CLOUDANT_IAM_URL === undefined ? 'CLOUDANT_AUTH_URL' : 'CLOUDANT_IAM_URL';
  const iamUrl = env.CLOUDANT_IAM_URL ?? env.CLOUDANT_AUTH_URL;
  const needed = way === 'iam' ? (['CLOUDANT_APIKEY'] as const) : (['CLOUDANT_USERNAME', 'CLOUDANT_PASSWORD'] as const);
  const problems = [
    ...(env.CLOUDANT_URL === undefined ? ['CLOUDANT_URL: is needed when DATABASE_TYPE is cloudant'] : []),
    ...addressFaults('CLOUDANT_URL', env.CLOUDANT_URL, env.COMPOSER_STAGE),
    ...needed
      .filter((name) => env[name] === undefined)
      .map((name) => `${name}: is needed when CLOUDANT_AUTH_TYPE is ${env.CLOUDANT_AUTH_TYPE}`),
    ...(way === 'iam' ? addressFaults(iamName, iamUrl, env.COMPOSER_STAGE) : []),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  const { CLOUDANT_URL: url = '', CLOUDANT_DATABASE: database } = env;
  const { CLOUDANT_APIKEY: apikey = '', CLOUDANT_USERNAME: username = '', CLOUDANT_PASSWORD: password = '' } = env;
  const iam = { type: 'iam', apikey, ...(iamUrl === undefined ? {} : { url: iamUrl }) } as const;
  return {
    type: 'cloudant',
    url: url.replace(/\/+$/, ''),
    database,
    authentication: way === 'iam' ? iam : { type: way, username, password },
  };
}

/** Credentials go over it, so it is encrypted, except on the machine of a developer. */
function addressFaults(name: string, text: string | undefined, stage: Stage): string[] {
  if (text === undefined) return [];
  const url = parseUrl(text);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return [`${name}: is not an https:// URL`];
  if (url.username !== '' || url.password !== '') {
    return [`${name}: holds a credential; put it into the other CLOUDANT_ variables`];
  }
  if (url.search !== '' || url.hash !== '') return [`${name}: must have no query and no fragment`];
  if (url.protocol === 'https:' || (stage === 'development' && LOOPBACK.test(url.hostname))) return [];
  return [`${name}: is not encrypted; only on loopback in development http:// is possible`];
}
