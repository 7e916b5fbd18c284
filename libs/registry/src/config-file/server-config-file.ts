import { open } from 'node:fs/promises';
import { environment } from '#config';
import { ComposerError, type Fault, type TenantId, isObject, serverId } from '#kernel';
import { Log } from '#observability';
import { CONFIG_FILE } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { parse } from 'yaml';
import { type RegistryConfig, registryConfig } from '../registry.config.js';
import { ServerRegistry } from '../server-registry.js';
import { ConfigFileError } from './config-file.errors.js';
import { resolveReferences } from './environment-references.js';

const MAX_BYTES = 10 * 1024 * 1024;
/** How many entries are built and tried at a time. */
const SIDE_BY_SIDE = 8;
/** What a document that is fetched may be guilty of. The file that names it is not. */
const DOCUMENT_FAULT =
  /^COMPOSER_(SPECIFICATION_UNAVAILABLE|OPENAPI_(INVALID_DOCUMENT|UNSUPPORTED_VERSION|TOO_MANY_OPERATIONS))$/;

/**
 * Servers that the operator keeps in a file: a list, or an object with `servers`, in JSON or YAML, as the original reads
 * them. At every start each one is registered, or changed to what the file says; servers that the file does not name
 * are left alone. A fault in the file refuses the start; a member that is away does not, and neither does a document that
 * cannot be fetched or used.
 */
@Injectable()
export class ServerConfigFile {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly log: Log,
    @Inject(registryConfig.KEY) private readonly config: RegistryConfig,
  ) {}

  /** Throws `ConfigFileError` with every fault that was found. */
  async apply(tenant: TenantId): Promise<void> {
    const { configFile } = this.config;
    if (configFile === undefined) return;
    const { value, faults } = resolveReferences(await read(configFile), environment());
    if (faults.length > 0) throw new ConfigFileError(configFile, faults);
    const entries = entriesOf(value, configFile);
    const found = [...repeated(entries)];
    if (found.length === 0) {
      const waiting = entries.entries();
      const applyNext = async (): Promise<void> => {
        for (const [index, entry] of waiting)
          found.push(...(await this.applyEntry(tenant, entry, nameOf(entry, index))));
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, applyNext));
    }
    if (found.length > 0) throw new ConfigFileError(configFile, found);
  }

  private async applyEntry(tenant: TenantId, entry: unknown, name: string): Promise<readonly Fault[]> {
    try {
      const { warnings } = await this.put(tenant, entry);
      for (const warning of warnings)
        this.log.warn('the file of servers was read with a difference', { entry: name, warning });
      return [];
    } catch (error) {
      if (isFaultOfFile(error, entry)) {
        return error.faults.map(({ path, message }) => ({ path: [name, path].filter(Boolean).join('.'), message }));
      }
      this.log.error('a server of the file could not be registered', { entry: name, err: error });
      return [];
    }
  }

  private async put(tenant: TenantId, entry: unknown): Promise<{ warnings: readonly string[] }> {
    const id = isObject(entry) ? entry['id'] : undefined;
    const ref = { tenantId: tenant, serverId: serverId(String(id)) };
    if (typeof id === 'string' && (await this.registry.has(ref))) {
      return this.registry.update(ref, entry, {
        by: CONFIG_FILE,
        mode: 'replace',
        mayReadFiles: true,
        unlessSame: true,
      });
    }
    return this.registry.register(tenant, entry, { by: CONFIG_FILE, mayReadFiles: true });
  }
}

function isFaultOfFile(error: unknown, entry: unknown): error is ComposerError {
  if (!(error instanceof ComposerError) || error.faults.length === 0 || error.retryable) return false;
  const settings = isObject(entry) && isObject(entry['open_api']) ? entry['open_api'] : {};
  return settings['spec_url'] === undefined || !DOCUMENT_FAULT.test(error.code);
}

/** Side by side, two entries of one id would change the server in no certain order. */
function repeated(entries: readonly unknown[]): readonly Fault[] {
  const ids = entries.map((entry) => (isObject(entry) ? entry['id'] : undefined));
  const again = ids.filter((id, index) => typeof id === 'string' && ids.indexOf(id) < index);
  return [...new Set(again)].map((id) => ({ path: String(id), message: 'is in the list more than once' }));
}

async function read(file: string): Promise<unknown> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
      return parse(await handle.readFile('utf8'), { maxAliasCount: 50 }) as unknown;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new ConfigFileError(file, [{ path: '', message: reasonOf(error) }], error);
  }
}

/** A parser's message shows a piece of the text, which may be a credential: only its place is told. */
function reasonOf(error: unknown): string {
  const { code, linePos } = error as { code?: unknown; linePos?: readonly { line: number; col: number }[] };
  const at = linePos?.[0];
  if (at) return `is neither JSON nor YAML (line ${at.line}, column ${at.col})`;
  return `cannot be read (${typeof code === 'string' ? code : (error as Error).message})`;
}

function entriesOf(value: unknown, file: string): readonly unknown[] {
  const servers = isObject(value) ? value['servers'] : value;
  if (Array.isArray(servers)) return servers;
  throw new ConfigFileError(file, [{ path: '', message: 'must be a list of servers, or an object with "servers"' }]);
}

function nameOf(entry: unknown, index: number): string {
  return isObject(entry) && typeof entry['id'] === 'string' ? entry['id'] : `entry ${index + 1}`;
}
