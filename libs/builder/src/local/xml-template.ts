import type { BodyTemplate } from './body-template.js';
import { type Encode, TextTemplate, asIs } from './text-template.js';
import type { ToolValues } from './tool-values.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Ends neither elements and attributes nor instructions, whose end holds a `>`. */
export const inXml: Encode = (text) => text.replace(/[&<>"']/g, (char) => ENTITIES[char]!);

/** Where no entity is read (XML 1.0, 2.5 to 2.7). One that is not ended reaches to the end: nothing is looked at twice. */
const PLACES = /<!\[CDATA\[[^]*?(?:\]\]>|$)|<!--[^]*?(?:-->|$)|<\?[^]*?(?:\?>|$)/g;
const SECTION_END = /\]\]>$/;
/** A hyphen that could be one of two with what stands beside it: two of them are no part of a comment. */
const HYPHEN = /^-|-$|-(?=-)/g;

const inComment: Encode = (text, argument) => inXml(text, argument).replace(HYPHEN, '&#45;');

/** XML: what a value holds never ends the place that it stands in, and in a CDATA section it is read as it is. */
export class XmlTemplate implements BodyTemplate {
  readonly values = [];
  readonly fault = undefined;
  private readonly pieces: readonly { readonly text: string; readonly template: TextTemplate }[];

  constructor(text: string) {
    const pieces: string[] = [];
    let end = 0;
    for (const { index, 0: whole } of text.matchAll(PLACES)) {
      pieces.push(text.slice(end, index), whole);
      end = index + whole.length;
    }
    this.pieces = [...pieces, text.slice(end)].map((piece) => ({ text: piece, template: new TextTemplate(piece) }));
  }

  get texts(): readonly string[] {
    return this.pieces.flatMap(({ template }) => template.arguments);
  }

  fill(values: ToolValues): string {
    return this.pieces
      .map(({ text, template }) => {
        if (text.startsWith('<![CDATA[')) return inSections(template.fill(values, asIs), SECTION_END.test(text));
        return template.fill(values, text.startsWith('<!--') ? inComment : inXml);
      })
      .join('');
  }
}

/** As a whole, for values make an end of a section with each other, and with what stands around them, too. */
function inSections(text: string, isEnded: boolean): string {
  const end = isEnded ? ']]>' : '';
  return text.slice(0, text.length - end.length).replaceAll(']]>', ']]]]><![CDATA[>') + end;
}
