import { isObject } from '#kernel';
import { decoded } from './control-request.js';
import type { MemberMessage } from './member-message.js';

/** 2025-11-25, elicitation: a person has to open a page before the request can be carried out. 2026-07-28 has no such error. */
export const PAGE_REQUIRED = -32042;

export interface RequiredPage {
  readonly url: string;
  /** For the person, in the member's words. */
  readonly message: string;
}

/** The page that this error names first; undefined if it names none that a browser should open. */
export function requiredPageIn({ raw }: MemberMessage): RequiredPage | undefined {
  const error = decoded(raw)?.['error'];
  const data = isObject(error) && error['code'] === PAGE_REQUIRED ? error['data'] : undefined;
  const list = isObject(data) ? data['elicitations'] : undefined;
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const { url, message } = isObject(first) ? first : {};
  if (typeof url !== 'string' || !/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
  return { url, message: typeof message === 'string' ? message : '' };
}
