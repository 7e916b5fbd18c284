import type { Fault, JsonObject } from '#kernel';
import { type LocalTool as Settings, isArgumentName } from '#registry';
import type { RequestTool } from '../members/request-tool-call.js';
import { isHeaderAllowed, isHeaderValue } from '../openapi/header-rules.js';
import {
  InvalidArgumentsError,
  type OperationRequest,
  type OperationResponse,
  toToolResult,
} from '../openapi/index.js';
import { LocalServerError } from './local.errors.js';
import { TextTemplate } from './text-template.js';
import { ToolAddress } from './tool-address.js';
import { ToolBody } from './tool-body.js';
import { ToolValues } from './tool-values.js';

const MAX_HEADER_CHARS = 16 * 1024;
/** Unknown arguments that are named. */
const MAX_UNKNOWN = 20;
const SAFE: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
const IDEMPOTENT: readonly string[] = [...SAFE, 'PUT', 'DELETE'];

export interface LocalToolParts {
  readonly endpoint: URL;
  /** Takes known secrets out of a text. */
  readonly mask: (text: string) => string;
  /** Where the tool stands in its configuration, for faults. */
  readonly place: string;
}

/**
 * One HTTP request as a tool. The arguments are what the texts of the request name as `{{name}}`; each is written as its
 * place wants it, and none can change the origin, the segments of the path, the lines of the head or the form of the body.
 */
export class LocalTool implements RequestTool {
  private readonly address: ToolAddress;
  private readonly headers: readonly (readonly [string, TextTemplate])[];
  private readonly body: ToolBody | undefined;
  /** With whether it may be of any type. */
  private readonly taken: ReadonlyMap<string, boolean>;

  /** Throws `LocalServerError` if no request can be made of it. */
  constructor(
    private readonly settings: Settings,
    private readonly parts: LocalToolParts,
  ) {
    const { path, headers, body } = settings;
    this.address = new ToolAddress(path, parts.endpoint);
    this.headers = Object.entries(headers).map(([name, text]) => [name.toLowerCase(), new TextTemplate(text)]);
    this.body = body && new ToolBody(body);
    const texts = [...this.address.texts, ...this.headers.flatMap(([, text]) => text.arguments)];
    const { values = [], texts: inBody = [] } = this.body ?? {};
    // What is a text somewhere must be one everywhere.
    this.taken = new Map([
      ...[...this.address.values, ...values].map((name) => [name, true] as const),
      ...[...texts, ...inBody].map((name) => [name, false] as const),
    ]);
    const faults = this.faults();
    if (faults.length > 0) throw new LocalServerError(faults);
  }

  get name(): string {
    return this.settings.name;
  }

  /** The tool as JSON text, as members offer it. */
  get definition(): string {
    const { name, description, method } = this.settings;
    const properties = [...this.taken].map(([argument, isAny]) => [argument, isAny ? {} : { type: 'string' }]);
    const inputSchema = {
      type: 'object',
      properties: Object.fromEntries(properties) as JsonObject,
      required: [...this.taken.keys()],
      additionalProperties: false,
    };
    const annotations = {
      readOnlyHint: SAFE.includes(method),
      destructiveHint: !SAFE.includes(method),
      idempotentHint: IDEMPOTENT.includes(method),
      openWorldHint: true,
    };
    return JSON.stringify({ name, description, inputSchema, annotations });
  }

  requestFor(args: Readonly<Record<string, unknown>>): OperationRequest {
    const faults = this.presenceFaults(args);
    if (faults.length > 0) throw new InvalidArgumentsError(this.name, faults);
    const values = new ToolValues(args);
    const path = this.address.fill(values);
    const headers = this.headers.map(([name, text]) => [name, headerOf(text, values)] as const);
    const body = this.body?.fill(values);
    if (values.faults.length > 0) throw new InvalidArgumentsError(this.name, values.faults);
    return {
      method: this.settings.method,
      path,
      headers: {
        accept: 'application/json, */*;q=0.5',
        ...Object.fromEntries(headers),
        ...(body && { 'content-type': body.contentType }),
      },
      ...(body && { body: body.content }),
    };
  }

  resultOf(answer: OperationResponse): object {
    return toToolResult(answer, this.parts.mask);
  }

  private presenceFaults(args: Readonly<Record<string, unknown>>): readonly Fault[] {
    const missing = [...this.taken.keys()].filter((name) => !Object.hasOwn(args, name) || args[name] === undefined);
    const unknown = Object.keys(args).filter((name) => !this.taken.has(name));
    return [
      ...missing.map((path) => ({ path, message: 'is required' })),
      ...unknown
        .slice(0, MAX_UNKNOWN)
        .map((name) => ({ path: name.slice(0, 64), message: 'is not an argument of this tool' })),
    ];
  }

  private faults(): readonly Fault[] {
    const { place } = this.parts;
    const { method } = this.settings;
    const fault = (key: string, message: string | undefined) => (message ? [{ path: `${place}.${key}`, message }] : []);
    const odd = this.headers.filter(([name]) => name !== 'accept' && !isHeaderAllowed(name));
    const cut = this.headers.filter(([, text]) => text.isOdd);
    const unsafe = [...this.taken.keys()].filter((name) => !isArgumentName(name));
    return [
      ...fault('path', this.address.fault),
      ...odd.flatMap(([name]) =>
        fault(`headers.${name}`, 'belongs into "headers" or "auth" of the server, or is set by itself'),
      ),
      ...cut.flatMap(([name]) => fault(`headers.${name}`, 'holds {{…}} that is no name of an argument')),
      ...fault('body', this.body?.fault),
      ...fault('body', this.body && method === 'HEAD' ? 'goes with no HEAD' : undefined),
      ...unsafe.flatMap((name) => fault('path', `names an argument "${name}", which no argument may be named`)),
    ];
  }
}

function headerOf(template: TextTemplate, values: ToolValues): string {
  return template
    .fill(values, (text, argument) => {
      if (text.length > MAX_HEADER_CHARS)
        values.refuse(argument, `must be at most ${MAX_HEADER_CHARS} characters long in a header`);
      else if (!isHeaderValue(text))
        values.refuse(argument, 'must be ISO-8859-1 text without line breaks and control characters in a header');
      return text;
    })
    .trim();
}
