import { argumentsIn } from '#registry';
import { encodeStrictly } from '../openapi/percent-encoding.js';
import { JsonTemplate } from './json-template.js';
import { LIKE_JSON } from './like-json.js';
import { TextTemplate } from './text-template.js';
import type { ToolValues } from './tool-values.js';

/** The value of a pair of a query or a form. One that is JSON (`filter={"name":"{{name}}"}`) is filled as such. */
export class PairValue {
  readonly text: TextTemplate;
  private readonly json: JsonTemplate | undefined;

  constructor(text: string) {
    this.text = new TextTemplate(text);
    this.json = jsonIn(text);
  }

  /** Arguments that may be of any type. */
  get values(): readonly string[] {
    return this.json?.values ?? [];
  }

  /** Arguments that are a part of a text. */
  get texts(): readonly string[] {
    return this.json?.texts ?? this.text.arguments;
  }

  /** Whether braces are left that look like a place holder and are none. */
  get isOdd(): boolean {
    return this.json === undefined && this.text.isOdd;
  }

  /** @param written how what stands around values is written where it is no JSON */
  fill(values: ToolValues, written?: (text: string) => string): string {
    return this.json ? encodeStrictly(this.json.fill(values)) : this.text.fill(values, encodeStrictly, written);
  }
}

function jsonIn(text: string): JsonTemplate | undefined {
  if (!text.includes('{{')) return undefined;
  const decoded = decodedOr(text);
  // Braces that were written encoded are not those of a place holder.
  const isSame = argumentsIn(decoded).join() === argumentsIn(text).join();
  if (!isSame || !LIKE_JSON.test(decoded) || /\p{Surrogate}/u.test(decoded)) return undefined;
  const json = new JsonTemplate(decoded);
  return json.fault === undefined ? json : undefined;
}

/** URL, application/x-www-form-urlencoded parsing. */
function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
