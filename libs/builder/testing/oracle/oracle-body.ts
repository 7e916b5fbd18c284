import { type ComparedBody, type ComparedPart, formPairs } from './compared-request.js';
import type { MetDifferences } from './known-differences.js';
import { type OracleParameter, allowedParameter, queryOf, withoutNulls } from './oracle-parameters.js';

/** The part of a HAR request (HTTP Archive 1.2) that is compared. */
export interface Har {
  readonly method: string;
  readonly url: string;
  readonly queryString: readonly HarPair[];
  readonly headers: readonly HarPair[];
  readonly cookies: readonly HarPair[];
  readonly postData?: { readonly mimeType: string; readonly text?: string; readonly params?: readonly HarPart[] };
}
interface HarPair {
  readonly name: string;
  readonly value: string;
}
interface HarPart extends HarPair {
  readonly fileName?: string;
  readonly contentType?: string;
}

type Members = Readonly<Record<string, unknown>>;
interface Media {
  readonly schema?: { readonly type?: unknown; readonly properties?: Members };
  readonly encoding?: Readonly<Record<string, { readonly style?: string; readonly explode?: boolean }>>;
}

/** An operation as the oracle takes it. */
export interface OracleOperation {
  readonly parameters?: readonly OracleParameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> } | undefined;
  readonly responses?: object;
}

interface BodyQuestion {
  readonly requestBody: OracleOperation['requestBody'];
  /** Undefined where none is sent. */
  readonly value: unknown;
  readonly met: MetDifferences;
}

type Ask = (operation: OracleOperation, values: object) => Har;
interface BodyAnswer {
  readonly har: Har;
  readonly body: ComparedBody;
}

/** What the oracle makes of a body, and the request that it stands in. */
export function oracleBody({ requestBody, value, met }: BodyQuestion, ask: Ask): BodyAnswer {
  if (requestBody === undefined) return { har: ask({}, {}), body: { text: '' } };
  const [type = '', media = {}] = Object.entries(requestBody.content)[0] ?? [];
  if (value !== undefined) return KINDS[kindOf(type)]({ requestBody, value, met, media }, ask);
  const har = ask({ requestBody }, {});
  const headers = har.headers.filter(({ name }) => name !== 'content-type');
  return { har: { ...har, headers: met.allow('type-of-nothing', har.headers, headers) }, body: { text: '' } };
}

type Question = BodyQuestion & { readonly media: Media };
type Kind = 'json' | 'form' | 'parts' | 'text';

function kindOf(type: string): Kind {
  if (/[/+]json|^\*\/\*$/.test(type)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  return type === 'multipart/form-data' ? 'parts' : 'text';
}

const KINDS: Readonly<Record<Kind, (question: Question, ask: Ask) => BodyAnswer>> = {
  json({ requestBody, value, met }, ask) {
    const isText = typeof value === 'string';
    const har = ask({ requestBody }, { body: isText ? JSON.stringify(value) : value });
    const headers = har.headers.map((header) =>
      header.value === '*/*' ? met.allow('type-range', header, { ...header, value: 'application/json' }) : header,
    );
    const json: unknown = JSON.parse(har.postData?.text || 'null');
    return {
      har: { ...har, headers },
      body: { json: isFalsy(value) || hasEmpty(value) ? met.allow('empty-members', json, value) : json },
    };
  },

  text({ requestBody, value, met }, ask) {
    const raw = ask({ requestBody }, { body: value });
    const headers = raw.headers.map((header) =>
      header.name === 'content-type' && header.value !== BYTES
        ? { ...header, value: met.allow('text-charset', header.value, `${header.value};charset=utf-8`) }
        : header,
    );
    return { har: { ...raw, headers }, body: { text: raw.postData?.text ?? '' } };
  },

  form({ requestBody, value, met, media }, ask) {
    const all = Object.entries(value as Members);
    const isInQuery = ([name, member]: readonly [string, unknown]): boolean =>
      Array.isArray(member) || (isObject(member) && media.encoding?.[name]?.style !== undefined);
    const present = met.allow('form-null', value as Members, withoutNullMembers(value as Members));
    const written = Object.entries(present).map(([name, member]) => {
      const isBare = hasEmpty(member) && !isInQuery([name, member]);
      return [name, isBare ? met.allow<unknown>('empty-members', member, JSON.stringify(member)) : member] as const;
    });
    const given = Object.fromEntries(written);
    const pairsOf = (members: Members): Pair[] =>
      (ask({ requestBody }, { formData: members }).postData?.params ?? []).map(({ name, value: text }) => [name, text]);
    const plain = Object.fromEntries(Object.entries(given).filter((member) => !isInQuery(member)));
    const queried = all.filter((member) => isInQuery(member));
    const asQuery = queried.length > 0 ? queryPairs(queried, { media, met }, ask) : [];
    const pairs = met.allow('form-lists', pairsOf(given), [...pairsOf(plain), ...asQuery]);
    return { har: ask({ requestBody }, { formData: given }), body: { pairs: sortedByName(pairs) } };
  },

  parts({ value, met, media }, ask) {
    const members = met.allow('form-null', value as Members, withoutNullMembers(value as Members));
    const isDeep = ([name, member]: readonly [string, unknown]): boolean =>
      isObject(member) && media.encoding?.[name]?.style === 'deepObject';
    const deep = Object.entries(members).filter(isDeep);
    const asQuery = deep.length > 0 ? met.allow('part-lists', [], queryPairs(deep, { media, met }, ask)) : [];
    const given = Object.fromEntries(
      Object.entries(members)
        .filter((member) => !isDeep(member))
        .map(([name, member]) => [name, allowedPart(member, met)] as const),
    );
    const encoding = Object.entries(media.encoding ?? {}).map(([name, said]) => [name, { style: 'form', ...said }]);
    const styled = met.allow('default-style', media, { ...media, encoding: Object.fromEntries(encoding) as never });
    const har = ask({ requestBody: { content: { [PARTS]: styled } } }, { body: given });
    const parts = (har.postData?.params ?? []).map((part) => {
      const isStyled = styled.encoding?.[part.name] !== undefined;
      const text = isStyled ? met.allow('part-lists', part.value, decodeURIComponent(part.value)) : part.value;
      return comparedPart({ ...part, value: text });
    });
    return {
      har,
      body: { parts: [...parts, ...asQuery].toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)) },
    };
  },
};

const BYTES = 'application/octet-stream';
const PARTS = 'multipart/form-data';
type Pair = readonly [name: string, value: string];

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const withoutNullMembers = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== null));

const isFalsy = (value: unknown): boolean => value === 0 || value === false;

const hasEmpty = (value: unknown): boolean =>
  isObject(value) && (Object.keys(value).length === 0 || Object.values(value).some(hasEmpty));

const sortedByName = (pairs: readonly Pair[]): Pair[] =>
  pairs.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));

/** The fields of a form as the query parameters that they are written like. */
function queryPairs(
  fields: readonly (readonly [string, unknown])[],
  { media, met }: { media: Media; met: MetDifferences },
  ask: Ask,
): Pair[] {
  const parameters: OracleParameter[] = [];
  const query: Record<string, unknown> = {};
  for (const [name, member] of fields) {
    const declared = { name, in: 'query' as const, schema: {}, ...media.encoding?.[name] };
    const { parameter, value } = allowedParameter(declared, member, met);
    parameters.push(parameter);
    if (value !== undefined) query[name] = value;
  }
  const pairs = queryOf(ask({ parameters }, { query }).queryString, parameters, met);
  return formPairs(pairs.join('&')).map(([name, value]) => [name, value]);
}

function allowedPart(value: unknown, met: MetDifferences): unknown {
  if (!Array.isArray(value))
    return isObject(value) ? met.allow<unknown>('part-objects', value, JSON.stringify(value)) : value;
  const present = met.allow<unknown[]>('null-member', value, withoutNulls(value) as unknown[]);
  return present.map((member) => allowedPart(member, met));
}

function comparedPart({ name, value, fileName, contentType }: HarPart): ComparedPart {
  if (fileName === undefined) return [name, value];
  return [name, value.replace(/^.*;base64,/s, ''), decodeURIComponent(fileName), contentType ?? ''];
}
