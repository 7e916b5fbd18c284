import { setImmediate } from 'node:timers/promises';
import { isObject, jsonExcess, parseUrl } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidArgumentsError } from '../gateway.errors.js';
import { MAX_BODY_BYTES } from '../mcp-endpoint/request-body.js';
import { AddedServers, NAME } from './added-servers.js';
import { titleOf, titledId } from './document-names.js';
import type { ManagementTool } from './management-tool.js';
import { changed, refOf } from './server-tools.js';
import { versionArgument } from './version-argument.js';

const TAG = 'openapi-tool';
const MAX_LABEL = 256;

type Spec = Readonly<Record<string, unknown>>;

const add = z.strictObject({
  openapi_spec: z
    .union([z.record(z.string(), z.unknown()), z.string().max(MAX_BODY_BYTES)])
    .describe(
      'An OpenAPI document, or a part of one with "info" and "servers": an object, or its JSON text. A whole message has ' +
        '1 MiB at most: larger documents are registered by their open_api.spec_url (register_mcp_server)',
    ),
  id: z
    .string()
    .regex(NAME, 'must be 1 to 64 letters, digits, "_" or "-", starting with a letter or digit')
    .optional()
    .describe('Of the server; unless given, made of the title of the document'),
  auth_config: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('{"auth_strategy": "…", "auth": {…}}; sealed. Unless given, what was given before stays'),
});
const rollback = z.strictObject({
  name: z.string().min(1).describe('The title of the document, or the id of its server'),
  version: versionArgument,
});

/** Tools from OpenAPI documents that are given at run time: each document is an openapi server, named by its title. */
@Injectable()
export class OpenApiTools {
  constructor(private readonly servers: AddedServers) {}

  all(): readonly ManagementTool[] {
    return [this.add(), this.rollback()] as ManagementTool[];
  }

  private add(): ManagementTool<z.infer<typeof add>> {
    return {
      name: 'add_tools_from_openapi',
      description:
        'Add the operations of an OpenAPI document, or of a part of one, as tools; or a new version of them. They are called at its first server.',
      arguments: add,
      run: async (by, { openapi_spec, auth_config, id: wanted }) => {
        const spec = typeof openapi_spec === 'string' ? await parsed(openapi_spec) : openapi_spec;
        const { id, title, endpoint } = headOf(spec, wanted);
        const change = await this.servers.put(by, { id, tag: TAG }, (before) => {
          if (before && wanted === undefined) mustBeTitled(before, { id, title });
          return {
            ...before,
            type: 'openapi',
            label: title.slice(0, MAX_LABEL),
            open_api: { ...settingsIn(before), endpoint, spec },
            ...authOf(auth_config),
          };
        });
        const { version } = change.server;
        return changed(`Successfully added tools: '${id}_<operation>', version ${version} of server '${id}'.`, change);
      },
    };
  }

  private rollback(): ManagementTool<z.infer<typeof rollback>> {
    return {
      name: 'rollback_openapi_tool_version',
      description: 'Let a former version of tools that were added from an OpenAPI document serve again.',
      arguments: rollback,
      run: async (by, { name, version }) => {
        const change = await this.servers.rollback(by, { id: await this.idFor(by, name), tag: TAG }, version);
        return changed(
          `Rolled back '${name}' to version ${version}, which is version ${change.server.version} now.`,
          change,
        );
      },
    };
  }

  /** By its title, or by the id of its server. */
  private async idFor(by: Principal, name: string): Promise<string> {
    const id = titledId(name) ?? name;
    const view = id === name ? undefined : await this.servers.find(refOf(by, id));
    if (!view || isTitled(view.config, name)) return id;
    throw new InvalidArgumentsError([
      {
        path: 'name',
        message: `is not the title of the document of server "${id}"; give the id of the server that is meant`,
      },
    ]);
  }
}

interface Titled {
  readonly id: string;
  readonly title: string;
}

/** Titles that differ may give one id, and nobody who gives one document means to replace another. */
function mustBeTitled(before: Spec, { id, title }: Titled): void {
  if (isTitled(before, title)) return;
  const other = String(titleOf(before)).slice(0, MAX_LABEL);
  const message = `is missing: there is a server "${id}" of the document "${other}"; give another id, or "${id}" to replace it`;
  throw new InvalidArgumentsError([{ path: 'id', message }]);
}

/** Labels are as long as labels may be. */
function isTitled(config: Spec, title: string): boolean {
  const known = titleOf(config);
  return known === title || known === title.slice(0, MAX_LABEL);
}

/** Routes and texts that somebody has chosen since; never another source of the document. */
function settingsIn({ open_api }: Spec = {}): Spec {
  if (!isObject(open_api)) return {};
  const { spec_url: _url, spec_filepath: _file, ...settings } = open_api;
  return settings;
}

/** In a turn of the event loop of its own: the message has taken one, and what is done with the document takes more. */
async function parsed(given: string): Promise<Spec> {
  const excess = jsonExcess(given);
  if (excess) throw refused('', `${excess}; register a server with its spec_url`);
  await setImmediate();
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    throw refused('', 'is no JSON; YAML is read from a spec_url only');
  }
  if (!isObject(value)) throw refused('', 'is no JSON object');
  await setImmediate();
  return value;
}

function headOf(spec: Spec, wanted: string | undefined): Titled & { readonly endpoint: string } {
  const said = isObject(spec['info']) ? spec['info']['title'] : undefined;
  const title = typeof said === 'string' ? said : '';
  const id = wanted ?? titledId(title);
  if (!id)
    throw refused(
      'info.title',
      'must be a title with a Latin letter or a digit, which names the server; or give an "id"',
    );
  return { id, title: title || id, endpoint: endpointOf(spec) };
}

function endpointOf(spec: Spec): string {
  const url = spec['swagger'] === undefined ? firstServer(spec['servers']) : swaggerUrl(spec);
  const isCallable = /^https?:$/.test(parseUrl(url)?.protocol ?? '');
  if (!isCallable)
    throw refused(
      'servers',
      'must begin with a server whose url is an http or https URL: the operations are called there',
    );
  return url;
}

/** With the defaults of its variables (OpenAPI 3.1.1, 4.8.6). */
function firstServer(servers: unknown): string {
  const [first] = Array.isArray(servers) ? (servers as unknown[]) : [];
  const { url = '', variables = {} } = isObject(first) ? first : {};
  return String(url).replace(/\{([^{}]+)\}/g, (whole, name: string) => {
    const variable = isObject(variables) && Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isObject(variable) ? variable['default'] : undefined;
    return typeof value === 'string' ? value : whole;
  });
}

function swaggerUrl({ schemes, host, basePath }: Spec): string {
  if (typeof host !== 'string') return '';
  const isPlainOnly = Array.isArray(schemes) && schemes.includes('http') && !schemes.includes('https');
  return `${isPlainOnly ? 'http' : 'https'}://${host}${typeof basePath === 'string' ? basePath : ''}`;
}

/** The original's form, and that of its documents: `{"type": "bearer", "token": "…"}`. */
function authOf(config: Spec | undefined): Spec {
  if (!config) return {};
  if ('auth_strategy' in config || 'auth' in config) {
    const unknown = Object.keys(config).filter((key) => key !== 'auth_strategy' && key !== 'auth');
    if (unknown.length > 0) {
      throw new InvalidArgumentsError(
        unknown.map((key) => ({ path: `auth_config.${key.slice(0, 64)}`, message: 'is unknown' })),
      );
    }
    return { auth_strategy: config['auth_strategy'], auth: config['auth'] ?? {} };
  }
  const { type, ...auth } = config;
  return { auth_strategy: type ?? 'none', auth };
}

const refused = (key: string, message: string): InvalidArgumentsError =>
  new InvalidArgumentsError([{ path: ['openapi_spec', key].filter(Boolean).join('.'), message }]);
