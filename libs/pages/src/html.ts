/** Text that is HTML already. Made by `html` alone. */
export class Html {
  constructor(readonly text: string) {}
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Characters that make text run the other way, or that cannot be seen. */
const DECEPTIVE = /\p{C}|[\u2028\u2029]/gu;

type Part = string | Html | readonly Html[] | undefined | false;

/** A template whose values are escaped, so that no value can be anything but text. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(texts.reduce((whole, text, at) => whole + (at === 0 ? '' : written(parts[at - 1])) + text, ''));
}

function written(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string') return escaped(part);
  return part.map(({ text }) => text).join('');
}

const escaped = (text: string): string => text.replace(DECEPTIVE, ' ').replace(/[&<>"']/g, (found) => ENTITIES[found]!);
