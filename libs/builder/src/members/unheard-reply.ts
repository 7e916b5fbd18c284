import type { MemberReply } from '../member.js';

const nothing = (): void => undefined;

/** Of a request whose answer nobody waits for. */
export const UNHEARD_REPLY: MemberReply = {
  id: Buffer.from('0'),
  takesEvents: false,
  takesPieces: false,
  message: nothing,
  result: nothing,
  failed: nothing,
  needsConsent: nothing,
  protocolError: nothing,
  ask: () => undefined,
  openStream: nothing,
  event: nothing,
  piece: () => true,
  endStream: nothing,
  endUnanswered: nothing,
  onDrain: nothing,
};
