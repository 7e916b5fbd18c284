import { CurlRefusedError } from './curl.errors.js';

export interface CurlPart {
  readonly name: string;
  readonly text: string;
  readonly content_type?: string;
}

const QUOTED = /^"((?:[^"\\]|\\[^])*)"\s*/;
const MEDIA_TYPE = /^[^/\s;]{1,127}\/[^;,\s]{1,127}/;

/**
 * A part of a form as `-F` says it: content, in quotes or up to a `;`, and options behind it.
 *
 * @param content what stands behind `name=`
 * @throws CurlRefusedError where curl would do with it what no tool can, or would leave some of it away
 */
export function readPart(name: string, content: string): CurlPart {
  const refused = (why: string) => new CurlRefusedError(`the part "${name.slice(0, 64)}" of its form ${why}`);
  if (content.startsWith('(')) throw refused('begins with "(", which is a group of parts to curl; use --form-string');
  const { text, rest } = wordOf(content.trimStart());
  if (/^[^;]/.test(rest)) throw refused('goes on behind its quotes, which curl leaves away; write all of it in quotes');
  let type: string | undefined;
  for (const option of rest.split(';').slice(1)) {
    const said = option.trim();
    const [, key] = /^(filename|headers|encoder)=/i.exec(said) ?? [];
    if (key) throw refused(`has the option ${key.toLowerCase()}=, which the parts of a tool do not have`);
    if (said === '') continue;
    if (type !== undefined) type += `;${option.trimEnd()}`;
    else if (/^type=/i.test(said)) type = said.slice(5).trimStart();
    else
      throw refused('holds a ";", at which curl ends its content; write the content in quotes, or use --form-string');
    if (!MEDIA_TYPE.test(type)) throw refused('has a type that is no media type');
  }
  return { name, text, ...(type === undefined ? {} : { content_type: type }) };
}

/** Quotes that do not end are content. */
function wordOf(content: string): { readonly text: string; readonly rest: string } {
  const [whole = '', inner] = QUOTED.exec(content) ?? [];
  if (inner !== undefined) return { text: inner.replace(/\\(["\\])/g, '$1'), rest: content.slice(whole.length) };
  const end = content.indexOf(';');
  const text = end < 0 ? content : content.slice(0, end);
  return { text: text.trimEnd(), rest: content.slice(text.length) };
}
