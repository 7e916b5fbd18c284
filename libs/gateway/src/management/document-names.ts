import { isObject } from '#kernel';
import { idOf } from './added-servers.js';

type Config = Readonly<Record<string, unknown>>;

/** Latin letters that Unicode takes for letters of their own, so that none of its forms takes them apart. */
const LETTERS: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', ẞ: 'SS', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', ø: 'o', Ø: 'O', ł: 'l', Ł: 'L' },
  ...{ đ: 'd', Đ: 'D', ð: 'd', Ð: 'D', þ: 'th', Þ: 'Th', ı: 'i' },
};

/**
 * The id of the server for the title of a document: blanks become `_`, as in the original, letters lose their accents
 * (UAX #15, NFKD), and what no id can hold goes, so that titles may share one. Undefined if nothing is left.
 */
export function titledId(title: string): string | undefined {
  const plain = title
    .normalize('NFKD')
    .trim()
    .replaceAll(/\s+/g, '_')
    .replaceAll(/[^\p{ASCII}]/gu, (letter) => LETTERS[letter] ?? '')
    .replaceAll(/[^A-Za-z0-9_-]/g, '');
  return idOf(plain.replace(/^[_-]+/, '').slice(0, 64));
}

/** The title of the document that a server was made of; its label, where the document tells none. */
export function titleOf({ open_api, label }: Config): unknown {
  const spec = isObject(open_api) ? open_api['spec'] : undefined;
  const info = isObject(spec) ? spec['info'] : undefined;
  return isObject(info) && typeof info['title'] === 'string' ? info['title'] : label;
}
