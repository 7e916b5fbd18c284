import type { LocalTool } from '#registry';
import { essenceOf, isJsonType } from '../openapi/media-type.js';
import { multipart } from '../openapi/multipart.js';
import { encodeStrictly } from '../openapi/percent-encoding.js';
import { JsonTemplate } from './json-template.js';
import { type Encode, TextTemplate } from './text-template.js';
import type { ToolValues } from './tool-values.js';

type Settings = NonNullable<LocalTool['body']>;

export interface FilledBody {
  readonly contentType: string;
  readonly content: string | Buffer;
}

/** The body of a tool. A value is written as its media type wants it: in JSON, in a form, in XML, else as it is. */
export class ToolBody {
  /** Arguments that may be of any type. */
  readonly values: readonly string[];
  readonly texts: readonly string[];
  /** Why no body could be made of it; undefined if one can. */
  readonly fault: string | undefined;
  readonly fill: (values: ToolValues) => FilledBody;

  constructor(settings: Settings) {
    if ('parts' in settings) {
      const parts = settings.parts.map(({ name, text, content_type }) => {
        return {
          name,
          text: new TextTemplate(text),
          ...(content_type === undefined ? {} : { contentType: content_type }),
        };
      });
      this.values = [];
      this.texts = parts.flatMap(({ text }) => text.arguments);
      this.fill = (values) => multipart(parts.map((part) => ({ ...part, content: part.text.fill(values, asIs) })));
      return;
    }
    const { content_type: contentType, text } = settings;
    const isJson = isJsonType(contentType);
    const template = isJson ? new JsonTemplate(text) : new TextTemplate(text);
    const encode = encoderOf(essenceOf(contentType));
    this.values = template instanceof JsonTemplate ? template.values : [];
    this.texts = template instanceof JsonTemplate ? template.texts : template.arguments;
    this.fault = template instanceof JsonTemplate ? template.fault : undefined;
    this.fill = (values) => ({
      contentType,
      content: template instanceof JsonTemplate ? template.fill(values) : template.fill(values, encode),
    });
  }
}

const asIs: Encode = (text) => text;
const IN_XML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function encoderOf(essence: string): Encode {
  if (essence === 'application/x-www-form-urlencoded') return encodeStrictly;
  if (/[/+]xml$|^text\/html$/.test(essence)) return (text) => text.replace(/[&<>"']/g, (char) => IN_XML[char]!);
  return asIs;
}
