import type { LocalTool } from '#registry';
import { multipart } from '../openapi/multipart.js';
import { templateOf } from './media-template.js';
import type { ToolValues } from './tool-values.js';

type Settings = NonNullable<LocalTool['body']>;

export interface FilledBody {
  readonly contentType: string;
  readonly content: string | Buffer;
}

/** The body of a tool: a text, or the parts of a form, each filled as its own media type wants it. */
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
        const type = content_type === undefined ? {} : { contentType: content_type };
        return { name, template: templateOf(text, content_type), ...type };
      });
      this.values = parts.flatMap(({ template }) => template.values);
      this.texts = parts.flatMap(({ template }) => template.texts);
      const faulty = parts.find(({ template }) => template.fault !== undefined);
      this.fault = faulty && `${faulty.template.fault} in its part "${faulty.name.slice(0, 64)}"`;
      this.fill = (values) =>
        multipart(parts.map(({ template, ...part }) => ({ ...part, content: template.fill(values) })));
      return;
    }
    const { content_type: contentType, text } = settings;
    const template = templateOf(text, contentType);
    this.values = template.values;
    this.texts = template.texts;
    this.fault = template.fault;
    this.fill = (values) => ({ contentType, content: template.fill(values) });
  }
}
