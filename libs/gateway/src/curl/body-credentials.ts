import { isCredentialName, isTokenName } from './credential-names.js';
import { decodedText } from './decoded-text.js';

const FORM = 'application/x-www-form-urlencoded';
/** How often a text that holds JSON or XML is a value in such a text again. */
const MAX_DEPTH = 4;
// A text that is not ended reaches to the end: nothing is looked at twice.
const TEXT = /"((?:[^"\\]|\\(?:[^]|$))*)(?:"|$)/g;
const ATTRIBUTE = /(?<![\w.:-])([\w.-]+:)?([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

type NamedText = readonly [name: string, text: string];

/**
 * The name of a credential that stands in a body or a part of one, if there is one. Forms, JSON and XML are looked into,
 * and so are JSON and XML within their values; of a type that says nothing, as whatever the text looks like.
 */
export const credentialIn = (text: string, contentType = ''): string | undefined =>
  (contentType.toLowerCase().startsWith(FORM) ? deeper(pairsOfForm(text), 0) : pairsIn(text, 0)).find(
    isCredential,
  )?.[0];

/** A parameter under a name that is often one of something else is none: its value is never kept. */
export const isCredential = ([name, text]: NamedText): boolean =>
  isCredentialName(name) || (text !== '' && !text.includes('{{') && isTokenName(name));

const pairsIn = (text: string, depth: number): readonly NamedText[] =>
  deeper([...pairsOfJson(text), ...(text.includes('<') ? pairsOfXml(text) : [])], depth);

function deeper(pairs: readonly NamedText[], depth: number): readonly NamedText[] {
  if (depth >= MAX_DEPTH) return pairs;
  return pairs.flatMap((pair) => (/^\s*[{[<]/.test(pair[1]) ? [pair, ...pairsIn(pair[1], depth + 1)] : [pair]));
}

const pairsOfForm = (text: string): readonly NamedText[] =>
  text.split('&').map((pair) => {
    const [, name = pair, value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    return [decodedText(name), decodedText(value)];
  });

/** Its texts with their keys, read without regard to what stands around them: place holders are no JSON, nor are lines. */
function pairsOfJson(text: string): readonly NamedText[] {
  const texts = [...text.matchAll(TEXT)].map(({ index, 0: whole, 1: inner = '' }) => {
    return { start: index, end: index + whole.length, text: decodedJson(inner) };
  });
  return texts.map(({ end, text: name }, at): NamedText => {
    const next = texts[at + 1];
    const gap = text.slice(end, next?.start).trim();
    // What is a value is looked into as well, under no name.
    if (!gap.startsWith(':')) return ['', name];
    return [name, gap === ':' ? (next?.text ?? '') : ''];
  });
}

function decodedJson(inner: string): string {
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    return inner;
  }
}

/** Its elements and attributes without their prefixes, and what is named by an attribute. */
function pairsOfXml(text: string): readonly NamedText[] {
  const plain = text.replaceAll('<![CDATA[', '').replaceAll(']]>', '');
  return plain.split('<').flatMap((piece): readonly NamedText[] => {
    const [, element] = /^(?:[\w.-]+:)?([\w.-]+)/.exec(piece) ?? [];
    if (element === undefined) return [];
    const closed = piece.indexOf('>');
    const content = closed < 0 ? '' : piece.slice(closed + 1).trim();
    const attributes = [...piece.matchAll(ATTRIBUTE)]
      .filter(([, prefix]) => prefix !== 'xmlns:')
      .map(([, , name = '', double, single]): NamedText => [name, double ?? single ?? '']);
    const value = content || (attributes.find(([name]) => name.toLowerCase() === 'value')?.[1] ?? '');
    const named = attributes.filter(([name]) => value !== '' && /^(name|key)$/i.test(name));
    return [[element, content], ...attributes, ...named.map(([, name]): NamedText => [name, value])];
  });
}
