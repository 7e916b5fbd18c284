/** Names under which services take credentials and hardly anything else. */
const SURE =
  /^(x-)?((.*[-_])?(api|app|auth|access|client|private|secret|subscription|service)[-_]?(key|token|secret|password)|password|passwd|client[-_]?assertion)$/i;
/** Names that may be of a credential: where nothing else is known of a value, it is treated as one. */
const LIKELY = /^(.*[-_])?(key|token|secret|apikey|appid|sig|signature|session|sessionid|jwt|auth)$/i;

/** Whether a value of this name is a credential. */
export const isCredentialName = (name: string): boolean => SURE.test(name);

/** Whether a value of this name is to be kept as if it were a credential. */
export const isLikelyCredentialName = (name: string): boolean => SURE.test(name) || LIKELY.test(name);
