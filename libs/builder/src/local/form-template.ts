import { encodeStrictly } from '../openapi/percent-encoding.js';
import type { BodyTemplate } from './body-template.js';
import { PairValue } from './pair-value.js';
import { TextTemplate } from './text-template.js';
import type { ToolValues } from './tool-values.js';

/** A form (`application/x-www-form-urlencoded`): a value never ends the pair that it stands in. */
export class FormTemplate implements BodyTemplate {
  readonly fault = undefined;
  private readonly pairs: readonly { readonly name: TextTemplate; readonly value: PairValue }[];

  constructor(text: string) {
    this.pairs = text.split('&').map((pair) => {
      const equals = pair.indexOf('=') + 1;
      return { name: new TextTemplate(pair.slice(0, equals)), value: new PairValue(pair.slice(equals)) };
    });
  }

  get values(): readonly string[] {
    return this.pairs.flatMap(({ value }) => value.values);
  }

  get texts(): readonly string[] {
    return this.pairs.flatMap(({ name, value }) => [...name.arguments, ...value.texts]);
  }

  fill(values: ToolValues): string {
    return this.pairs.map(({ name, value }) => name.fill(values, encodeStrictly) + value.fill(values)).join('&');
  }
}
