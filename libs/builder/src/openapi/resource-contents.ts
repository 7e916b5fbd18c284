import { type OperationResponse, looksLikeJson, textOfAnswer, typeOfAnswer } from './answer-text.js';
import { essenceOf } from './media-type.js';

type Content = { readonly uri: string; readonly mimeType: string } & (
  { readonly text: string } | { readonly blob: string }
);

/** What was read under `uri` (MCP, `ReadResourceResult`): text where the answer is text, else its bytes. */
export function contentsOf(response: OperationResponse, uri: string, answerType?: string): Content[] {
  const { body } = response;
  const type = typeOfAnswer(response, answerType);
  const essence = essenceOf(type);
  const text = textOfAnswer(body, type);
  if (text === undefined) {
    return [{ uri, mimeType: essence || 'application/octet-stream', blob: body.toString('base64') }];
  }
  return [{ uri, mimeType: essence || (looksLikeJson('', text) ? 'application/json' : 'text/plain'), text }];
}
