import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { CloudantConfig } from '../../src/persistence.config.js';
import { CloudantFront } from './cloudant-front.js';
import { APIKEY, PASSWORD, USERNAME } from './cloudant-gatekeeper.js';

const CHILD = resolve('libs/persistence/testing/cloudant/couch-child.mjs');
const START_MS = 30_000;

/** A CouchDB-compatible server that behaves as IBM Cloudant does, of the spec that opens it. */
export interface CloudantServer {
  readonly front: CloudantFront;
  /** A database of its own, which is not made yet. By name and password unless another way in is given. */
  database(way?: CloudantConfig['authentication']['type']): CloudantConfig;
  /** Every document of a database as it is stored, with attachments. */
  raw(database: string): Promise<readonly RawDocument[]>;
  /** Stores a state beside the ones that are there, as when two nodes took two changes. */
  plant(database: string, document: RawDocument): Promise<void>;
  close(): Promise<void>;
}

export interface RawDocument {
  readonly _id: string;
  readonly _rev: string;
  readonly [name: string]: unknown;
}

/** Starts one, in a process of its own. About a second. Close it. */
export async function openCloudantServer(): Promise<CloudantServer> {
  const child = fork(CHILD, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  const port = await portOf(child);
  const behind = `http://127.0.0.1:${port}`;
  const front = new CloudantFront(behind);
  await front.open();
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${behind}/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    front,
    database: (way = 'basic') => configOf(front.url, way),
    raw: async (database) => {
      const found = (await ask('GET', `${database}/_all_docs?include_docs=true&attachments=true&conflicts=true`)) as {
        readonly rows: readonly { readonly doc: RawDocument }[];
      };
      return found.rows.map(({ doc }) => doc);
    },
    plant: async (database, document) => {
      await ask('POST', `${database}/_bulk_docs`, { new_edits: false, docs: [document] });
    },
    close: async () => {
      await front.close();
      const hasEnded = once(child, 'exit');
      child.kill('SIGKILL');
      await hasEnded;
    },
  };
}

/** The environment of a composer whose everything is in this database. */
export function cloudantEnvironment({ url, database, authentication }: CloudantConfig): Record<string, string> {
  const shared = { DATABASE_TYPE: 'cloudant', CLOUDANT_URL: url, CLOUDANT_DATABASE: database };
  if (authentication.type === 'iam') {
    return { ...shared, CLOUDANT_APIKEY: authentication.apikey, CLOUDANT_IAM_URL: authentication.url ?? '' };
  }
  return {
    ...shared,
    CLOUDANT_AUTH_TYPE: authentication.type,
    CLOUDANT_USERNAME: authentication.username,
    CLOUDANT_PASSWORD: authentication.password,
  };
}

function configOf(url: string, type: CloudantConfig['authentication']['type']): CloudantConfig {
  const database = `t${randomBytes(6).toString('hex')}`;
  const authentication =
    type === 'iam' ? { type, apikey: APIKEY, url } : { type, username: USERNAME, password: PASSWORD };
  return { type: 'cloudant', url, database, authentication };
}

async function portOf(child: ChildProcess): Promise<number> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the CouchDB-compatible server did not start: ${said}`);
  });
  ended.catch(() => undefined); // it ends one day, and nobody waits for that
  try {
    const [told] = (await Promise.race([once(child, 'message'), ended])) as [{ readonly port: number }];
    return told.port;
  } finally {
    clearTimeout(timer);
  }
}
