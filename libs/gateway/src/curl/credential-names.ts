/** Names under which services take credentials and hardly anything else. */
const SURE =
  /^(x-)?((.*[-_])?(api|app|auth|access|client|private|secret|subscription|service)[-_]?(key|token|secret|password)|password|passwd|client[-_]?assertion)$/i;
/** Names that may be of a credential: where nothing else is known of a value, it is treated as one. */
const LIKELY = /^(.*[-_])?(key|appid|sig|signature|session|sessionid|auth)$/i;
/** Names of credentials under which other things stand as well, unless a text is written there. */
const TOKEN = /(token|secret|api-?key|jwt|password|passwd|pwd|passphrase)$/i;
/** Names that end like those of credentials, and say themselves that they are something else. */
const PLAIN =
  /^(x-)?((sort|partition|primary|foreign|range|hash|order|group|row|cache|routing|idempotency)[-_]?key|((next|prev)[-_]?)?(page|pagination|next|continuation|sync)[-_]?token)$/i;
/** Words and small numbers, as they stand behind names of what is sorted, paged or looked for. */
const WORDS = /^(?=.{1,24}$)([a-z]+([-_. ][a-z]+)*|[a-z][a-z0-9]*-\d+|\d{1,6})$/i;

/** Whether a value of this name is a credential. */
export const isCredentialName = (name: string): boolean => SURE.test(name);

/** Whether a text of this name, as it stands in a body, is a credential. */
export const isTokenName = (name: string): boolean => SURE.test(name) || (TOKEN.test(name) && !PLAIN.test(name));

/** Whether a value of this name is to be kept as if it were a credential. */
export const isLikelyCredentialName = (name: string): boolean =>
  isTokenName(name) || (LIKELY.test(name) && !PLAIN.test(name));

/** Whether a value is a credential even beside another one, and not only where nothing else can be one. */
export const isSurelyCredential = (name: string, value: string): boolean =>
  isTokenName(name) || (isLikelyCredentialName(name) && !WORDS.test(value));
