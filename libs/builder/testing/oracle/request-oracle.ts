import oasToHar from '@readme/oas-to-har';
import Oas from 'oas';
import { type ComparedRequest, sortedPairs } from './compared-request.js';
import type { MetDifferences } from './known-differences.js';
import { type Har, type OracleOperation, oracleBody } from './oracle-body.js';
import { type OracleParameter, allowedParameter, queryOf } from './oracle-parameters.js';

import { behindReference } from './sampled-values.js';

/** Values by their place, as the oracle takes them. */
export interface PlacedValues {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly header: Readonly<Record<string, unknown>>;
  readonly cookie: Readonly<Record<string, unknown>>;
  /** Undefined where no body is sent. Files are data URLs with a name. */
  readonly body?: unknown;
}

export interface OracleQuestion {
  readonly method: string;
  /** As the document writes it. */
  readonly path: string;
  readonly values: PlacedValues;
}

/** What the composer always says it can read. */
const ACCEPT = 'application/json, */*;q=0.5';

/** A second opinion on how a request looks: that of `@readme/oas-to-har`, which shares no code with the composer. */
export class RequestOracle {
  private readonly oas: Oas;

  /** @param base the server, in place of those of the document */
  private constructor(
    document: object,
    private readonly base: string,
  ) {
    this.oas = new Oas(document as ConstructorParameters<typeof Oas>[0]);
  }

  /** @param document OpenAPI 3; is changed */
  static async of(document: object, base: string): Promise<RequestOracle> {
    const oracle = new RequestOracle(document, base);
    await oracle.oas.dereference();
    return oracle;
  }

  /** @param met where known differences are allowed for, and noted */
  request({ method, path, values }: OracleQuestion, met: MetDifferences): ComparedRequest {
    const operation = this.oas.operation(path, method.toLowerCase() as 'get');
    const parameters: OracleParameter[] = [];
    let template = path;
    const placed: Record<string, Record<string, unknown>> = { path: {}, query: {}, header: {}, cookie: {} };
    for (const declared of operation.getParameters() as unknown as OracleParameter[]) {
      const given = values[declared.in]?.[declared.name];
      if (given === undefined) continue;
      const { parameter, value } = allowedParameter(declared, given, met);
      const isDotted = parameter.style === 'label' && !parameter.explode && typeof value === 'object';
      const label = { template, parameter };
      const simple = { ...parameter, style: 'simple' };
      const dotted = { template: template.replace(`{${parameter.name}}`, (name) => `.${name}`), parameter: simple };
      const used = isDotted ? met.allow('label-list', label, dotted) : label;
      template = used.template;
      parameters.push(used.parameter);
      if (value !== undefined) placed[parameter.in]![parameter.name] = value;
    }
    const isLast = ({ in: place, name }: OracleParameter): boolean =>
      place !== 'path' && parameters.some((other) => other.in === 'path' && other.name === name);
    const pathFirst = [...parameters.filter((one) => !isLast(one)), ...parameters.filter(isLast)];
    const ordered = met.allow('same-name', parameters, pathFirst);
    const { requestBody: told, responses = {} } = operation.schema as OracleOperation;
    const declared = behindReference(told, this.oas.getDefinition());
    const isBodiless = method === 'GET' || method === 'HEAD';
    const requestBody = isBodiless ? met.allow('bodiless', declared, undefined) : chosen(declared, met);
    const value = isBodiless && !requestBody ? undefined : values.body;
    const ask = (asked: OracleOperation, more: object): Har =>
      this.har({ method, path: template }, { responses, ...asked }, { ...placed, ...more });
    const { body, har } = oracleBody({ requestBody, value, met }, (asked, more) =>
      ask({ parameters: ordered, ...asked }, more),
    );
    return { ...comparedHead(har, parameters, met), body };
  }

  private har({ method, path }: { method: string; path: string }, operation: OracleOperation, values: object): Har {
    const { components } = this.oas.getDefinition() as { components?: object };
    const alone = new Oas({
      openapi: '3.1.0',
      info: { title: '', version: '' },
      servers: [{ url: this.base }],
      paths: { [path]: { [method.toLowerCase()]: operation } },
      ...(components && { components }),
    });
    const asked = alone.operation(path, method.toLowerCase() as 'get');
    return oasToHar(alone, asked, values).log.entries[0].request;
  }
}

function chosen(requestBody: OracleOperation['requestBody'], met: MetDifferences): OracleOperation['requestBody'] {
  const types = Object.entries(requestBody?.content ?? {});
  if (types.length < 2) return requestBody;
  const isJson = (type: string): boolean => /[/+]json/.test(type);
  const isPatch = ([type, { schema }]: (typeof types)[number]): boolean =>
    type === 'application/json-patch+json' && schema?.type === 'object';
  const one = types.find((offer) => isJson(offer[0]) && !isPatch(offer)) ?? types[0]!;
  return met.allow('several-types', requestBody, { ...requestBody, content: { [one[0]]: one[1] } });
}

function comparedHead(
  har: Har,
  parameters: readonly OracleParameter[],
  met: MetDifferences,
): Omit<ComparedRequest, 'body'> {
  const headers: Record<string, string> = {};
  for (const { name, value } of har.headers) {
    const parameter = parameters.find((one) => one.in === 'header' && one.name.toLowerCase() === name.toLowerCase());
    const plain = parameter?.style ? met.allow('header-encoding', value, decodeURIComponent(value)) : value;
    headers[name.toLowerCase()] = met.allow('header-blanks', plain, plain.trim());
  }
  headers['accept'] = met.allow('accept', headers['accept'] ?? '', ACCEPT);
  return {
    method: har.method,
    path: har.url.replace(/^https?:\/\/[^/]*/, ''),
    query: sortedPairs(queryOf(har.queryString, parameters, met)),
    headers,
    cookies: sortedPairs(har.cookies.map(({ name, value }) => `${name}=${value}`)),
  };
}
