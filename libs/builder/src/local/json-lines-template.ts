import type { BodyTemplate } from './body-template.js';
import { JsonTemplate } from './json-template.js';
import type { ToolValues } from './tool-values.js';

const RECORD = '\u001e';

/** JSON texts one after another, each in a line or behind a record separator. What a value holds begins no other one. */
export class JsonLinesTemplate implements BodyTemplate {
  /** The texts, and what separates them. */
  private readonly pieces: readonly (string | JsonTemplate)[];

  constructor(text: string) {
    const separator = text.includes(RECORD) ? RECORD : '\n';
    this.pieces = text
      .split(separator)
      .flatMap((piece, at) => [...(at > 0 ? [separator] : []), piece.trim() === '' ? piece : new JsonTemplate(piece)]);
  }

  get values(): readonly string[] {
    return this.templates.flatMap(({ values }) => values);
  }

  get texts(): readonly string[] {
    return this.templates.flatMap(({ texts }) => texts);
  }

  get fault(): string | undefined {
    const { templates } = this;
    const at = templates.findIndex(({ fault }) => fault !== undefined);
    return at < 0 ? undefined : `${templates[at]!.fault} in its text ${at + 1}`;
  }

  fill(values: ToolValues): string {
    return this.pieces.map((piece) => (typeof piece === 'string' ? piece : piece.fill(values))).join('');
  }

  private get templates(): readonly JsonTemplate[] {
    return this.pieces.filter((piece) => typeof piece !== 'string');
  }
}
