import type { BodyTemplate } from './body-template.js';
import { type Encode, TextTemplate } from './text-template.js';
import type { ToolValues } from './tool-values.js';

/** A text whose values are all written in one way. */
export class EncodedTemplate implements BodyTemplate {
  readonly values = [];
  readonly fault = undefined;
  private readonly template: TextTemplate;

  constructor(
    text: string,
    private readonly encode: Encode,
  ) {
    this.template = new TextTemplate(text);
  }

  get texts(): readonly string[] {
    return this.template.arguments;
  }

  fill(values: ToolValues): string {
    return this.template.fill(values, this.encode);
  }
}
