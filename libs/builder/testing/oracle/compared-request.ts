import type { OperationRequest } from '../../src/openapi/build-request.js';

/** A request in the one form in which two builders are compared: what may stand in any order is sorted. */
export interface ComparedRequest {
  readonly method: string;
  /** As it stands on the wire. */
  readonly path: string;
  /** `name=value` as they stand on the wire, sorted by name; those of one name in their order. */
  readonly query: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: ComparedBody;
}

/** A JSON body as its value, a form as its pairs, a form of several parts as its parts, else the text. */
export type ComparedBody =
  | { readonly json: unknown }
  | { readonly pairs: readonly (readonly [string, string])[] }
  | { readonly parts: readonly ComparedPart[] }
  | { readonly text: string };

export type ComparedPart = readonly [name: string, content: string, file?: string, type?: string];

/** What the composer sends, or what a server has received. Forms are read by the platform's own readers. */
export async function comparedRequest(request: OperationRequest): Promise<ComparedRequest> {
  const { method, path: target, headers, body } = request;
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2);
  const { cookie, ...others } = headers;
  const type = (others['content-type'] ?? '').split(';')[0]!;
  return {
    method,
    path,
    query: sortedPairs(query.split('&').filter(Boolean)),
    headers: { ...others, ...(type === 'multipart/form-data' && { 'content-type': type }) },
    cookies: sortedPairs((cookie ?? '').split('; ').filter(Boolean)),
    body: await comparedBody(others['content-type'] ?? '', body),
  };
}

export const sortedPairs = (pairs: readonly string[]): string[] =>
  pairs.toSorted((one, other) => compare(one.split('=')[0]!, other.split('=')[0]!));
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

async function comparedBody(type: string, body: string | Buffer | undefined): Promise<ComparedBody> {
  if (body === undefined) return { text: '' };
  if (/[/+]json/.test(type)) return { json: JSON.parse(body.toString()) as unknown };
  if (type.startsWith('application/x-www-form-urlencoded')) return { pairs: formPairs(body.toString()) };
  if (!type.startsWith('multipart/form-data')) return { text: body.toString() };
  const form = await new Response(new Uint8Array(Buffer.from(body)), { headers: { 'content-type': type } }).formData();
  const parts = await Promise.all([...form].map(([name, value]) => partOf(name, value)));
  return { parts: parts.toSorted(([one], [other]) => compare(one, other)) };
}

/** The pairs of a form, sorted by name, what is encoded decoded. */
export const formPairs = (text: string): (readonly [string, string])[] =>
  [...new URLSearchParams(text)].toSorted(([one], [other]) => compare(one, other));

async function partOf(name: string, value: string | File): Promise<ComparedPart> {
  if (typeof value === 'string') return [name, value];
  return [name, Buffer.from(await value.arrayBuffer()).toString('base64'), value.name, value.type];
}
