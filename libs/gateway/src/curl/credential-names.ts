/** Names under which services take credentials and hardly anything else. */
const SURE =
  /^(x-)?((.*[-_])?(api|app|auth|access|client|private|secret|subscription|service)[-_]?(key|token|secret|password)|password|passwd|client[-_]?assertion)$/i;
/** Names that may be of a credential: where nothing else is known of a value, it is treated as one. */
const LIKELY = /^(.*[-_])?(key|appid|sig|signature|session|sessionid|auth)$/i;
/** Names of credentials under which other things stand as well, unless a text is written there. */
const TOKEN = /(token|secret|api-?key|jwt|password|passwd|pwd|passphrase)$/i;

/** Whether a value of this name is a credential. */
export const isCredentialName = (name: string): boolean => SURE.test(name);

/** Whether a text of this name, as it stands in a body, is a credential. */
export const isTokenName = (name: string): boolean => SURE.test(name) || TOKEN.test(name);

/** Whether a value of this name is to be kept as if it were a credential. */
export const isLikelyCredentialName = (name: string): boolean => isTokenName(name) || LIKELY.test(name);
