import type { MemberOffer } from './member-offer.js';

/** What would become of one operation. */
export interface PreviewedOperation {
  /** `METHOD /path`. */
  readonly operation: string;
  readonly kind: 'tool' | 'resource' | 'template' | 'excluded' | 'skipped';
  /** Of a tool: its own name in the offer. */
  readonly own?: string;
  /** Of a tool of a layered member: by what its callers ask for it. */
  readonly service?: string;
  /** Why it is left out. */
  readonly reason?: string;
}

/** What a member would offer, as far as that can be told without it. */
export interface MemberPreview {
  /** What the document calls itself. */
  readonly title: string;
  readonly offer: MemberOffer;
  readonly operations: readonly PreviewedOperation[];
  /** What is different from the document in operations that are taken in. */
  readonly notes: readonly { readonly operation: string; readonly note: string }[];
  /** How the service authenticates callers, as its document says; plain data without secrets. */
  readonly hints: readonly object[];
  /** By its own name, the operation of every tool that the member of this id has been built with. */
  readonly former: ReadonlyMap<string, string>;
}
