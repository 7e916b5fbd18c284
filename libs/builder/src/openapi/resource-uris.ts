import { InvalidArgumentsError } from './openapi.errors.js';
import type { OpenApiOperation, OpenApiResource, ResourceVariable } from './openapi-operation.js';

/** What a URI asks for: an operation, and the arguments that it gives. */
export interface ReadOperation {
  readonly operation: OpenApiOperation;
  /** Throws `InvalidArgumentsError` for what its template does not have. */
  readonly argumentsIn: () => Readonly<Record<string, unknown>>;
}

/** The resources of one server, under `resource://<serverId>/<name>`, the form that the original gives them. */
export class ResourceUris {
  private readonly prefix: string;
  private readonly byName: ReadonlyMap<string, OpenApiResource>;

  constructor(
    serverId: string,
    private readonly resources: readonly OpenApiResource[],
  ) {
    this.prefix = `resource://${serverId}`;
    this.byName = new Map(resources.map((resource) => [resource.operation.name, resource]));
  }

  /** Definitions as JSON text: of resources, and of templates. */
  definitions(areTemplates: boolean): string[] {
    return this.resources
      .filter(({ isTemplate }) => isTemplate === areTemplates)
      .map(({ path, mimeType, operation: { name, description, annotations } }) => {
        const uri = this.prefix + path;
        const { title } = annotations;
        return JSON.stringify({
          ...(areTemplates ? { uriTemplate: uri } : { uri }),
          name,
          title,
          description,
          mimeType,
        });
      });
  }

  /** Undefined for a URI that is none of this server's. */
  find(uri: string): ReadOperation | undefined {
    if (!uri.startsWith(`${this.prefix}/`)) return undefined;
    const [, path = '', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(uri.slice(this.prefix.length + 1)) ?? [];
    const [name = '', ...segments] = path.split('/');
    const resource = this.byName.get(name);
    const inPath = resource?.variables.filter((variable) => variable.in === 'path') ?? [];
    if (!resource || inPath.length !== segments.length) return undefined;
    return { operation: resource.operation, argumentsIn: () => argumentsIn(resource, { inPath, segments, query }) };
  }
}

interface Expansion {
  readonly inPath: readonly ResourceVariable[];
  readonly segments: readonly string[];
  readonly query: string;
}

/** RFC 6570, 3.2.2 and 3.2.8, the other way round. Lists come with commas as well as with repeated names. */
function argumentsIn({ operation, variables }: OpenApiResource, { inPath, segments, query }: Expansion) {
  const args: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const faultAt = (path: string, message: string) => new InvalidArgumentsError(operation.name, [{ path, message }]);
  const read = (variable: ResourceVariable, text: string): void => {
    const values = (variable.isList ? text.split(',') : [text]).map(decoded);
    if (values.includes(undefined)) throw faultAt(variable.name, 'is not percent-encoded UTF-8');
    const known = args[variable.argument];
    if (known !== undefined && !variable.isList) throw faultAt(variable.name, 'stands there twice');
    args[variable.argument] = variable.isList ? [...((known as string[] | undefined) ?? []), ...values] : values[0];
  };
  for (const [at, variable] of inPath.entries()) read(variable, segments[at] ?? '');
  for (const pair of query.split('&').filter((part) => part !== '')) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    const variable = variables.find((one) => one.in === 'query' && one.name === name);
    if (!variable) throw faultAt(name.slice(0, 64), 'is not a variable of this resource');
    read(variable, value);
  }
  return args;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
