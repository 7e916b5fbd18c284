import type { ListKind } from '#builder';

/** The messages that say that a list has changed, one for each of these lists. */
export function noticesOf(kinds: ReadonlySet<ListKind>, params?: object): ReadonlyMap<ListKind, Buffer> {
  const noticeOf = (kind: ListKind): Buffer =>
    Buffer.from(
      JSON.stringify({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed`, ...(params ? { params } : {}) }),
    );
  return new Map([...kinds].map((kind) => [kind, noticeOf(kind)]));
}
