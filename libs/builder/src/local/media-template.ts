import { essenceOf, isJsonType } from '../openapi/media-type.js';
import type { BodyTemplate } from './body-template.js';
import { EncodedTemplate } from './encoded-template.js';
import { FormTemplate } from './form-template.js';
import { JsonLinesTemplate } from './json-lines-template.js';
import { JsonTemplate } from './json-template.js';
import { LIKE_JSON } from './like-json.js';
import { asIs } from './text-template.js';
import { XmlTemplate, inXml } from './xml-template.js';

const FORM = 'application/x-www-form-urlencoded';
const XML = /[/+]xml$/;
const HTML = 'text/html';
/** JSON in lines (`application/x-ndjson`), and behind record separators (RFC 7464). */
const JSON_LINES = /^application\/(x-)?(ndjson|jsonl|jsonlines|json-lines)$|[/+]json-seq$|^application\/stream\+json$/;

/**
 * The one place that decides how values are written into a body or a part of one: by its media type, and where that says
 * nothing of the form, as JSON if the text is JSON, for then whoever gets it reads it as such.
 */
export function templateOf(text: string, contentType?: string): BodyTemplate {
  const essence = essenceOf(contentType);
  if (JSON_LINES.test(essence)) return new JsonLinesTemplate(text);
  if (isJsonType(contentType)) return new JsonTemplate(text);
  if (essence === FORM) return new FormTemplate(text);
  if (XML.test(essence)) return new XmlTemplate(text);
  // What is a CDATA section of XML is a comment in HTML, which the next `>` ends.
  if (essence === HTML) return new EncodedTemplate(text, inXml);
  const json = LIKE_JSON.test(text) ? [new JsonTemplate(text), new JsonLinesTemplate(text)] : [];
  return json.find(({ fault }) => fault === undefined) ?? new EncodedTemplate(text, asIs);
}
