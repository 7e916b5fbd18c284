import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EgressDeniedError, type EgressHttp } from '#egress';
import type { OpenApiServerConfig } from '#registry';
import { SpecificationError } from '../builder.errors.js';
import { DOCUMENT_LIMITS } from '../openapi/index.js';

const MAX_BYTES = DOCUMENT_LIMITS.maxBytes;
const TIMEOUT_MS = 10_000;
const REDIRECTS = 3;

type OpenApiSettings = OpenApiServerConfig['open_api'];

/** A specification as it came, and the form in which it is kept. */
export interface Specification {
  readonly source: Buffer;
  readonly compressed: Buffer;
}

/** Names what a catalogue was compiled from: the same settings give the same fingerprint. */
export async function fingerprintOf(settings: OpenApiSettings): Promise<string> {
  const { endpoint, spec, spec_url, spec_filepath, custom_routes, layered } = settings;
  if (spec) await setImmediate(); // to write megabytes of text takes a turn of the event loop
  return createHash('sha256')
    .update(Buffer.from(JSON.stringify([endpoint, spec_url, spec_filepath, spec, custom_routes, layered])))
    .digest('base64url');
}

/** Fetches or reads the specification. Rejects with `SpecificationError` that names the setting at fault. */
export async function loadSpecification(settings: OpenApiSettings, http: EgressHttp): Promise<Specification> {
  const source = await sourceOf(settings, http);
  return { source, compressed: await promisify(gzip)(source) };
}

async function sourceOf({ spec, spec_url, spec_filepath }: OpenApiSettings, http: EgressHttp): Promise<Buffer> {
  if (spec) {
    await setImmediate();
    return Buffer.from(JSON.stringify(spec));
  }
  return spec_url
    ? fetched(spec_url, http)
    : readDocument(spec_filepath!, { path: 'open_api.spec_filepath', maxBytes: MAX_BYTES });
}

async function fetched(url: string, http: EgressHttp): Promise<Buffer> {
  const path = 'open_api.spec_url';
  try {
    const headers = { accept: 'application/json, application/yaml, text/yaml, */*;q=0.5' };
    const answer = await http.request({
      method: 'GET',
      url,
      headers,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      redirects: REDIRECTS,
    });
    if (answer.status === 200) return answer.body;
    throw new SpecificationError(path, `answered HTTP ${answer.status}; the document is fetched without a credential`);
  } catch (error) {
    if (error instanceof EgressDeniedError || error instanceof SpecificationError) throw error;
    throw new SpecificationError(path, `could not be fetched: ${(error as Error).message}`, error);
  }
}

/** Reads a file that the setting at `path` names. Rejects with `SpecificationError`. */
export async function readDocument(
  file: string,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<Buffer> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new SpecificationError(path, `could not be read (${error.code ?? 'unknown'})`, error);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > maxBytes)
      throw new SpecificationError(path, `is no file of at most ${maxBytes} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
