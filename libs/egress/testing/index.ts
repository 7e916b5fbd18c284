export { type Egress, type EgressOptions, egressFor } from './egress-for.js';
export { type OriginServer, type OriginServerOptions, originServer } from './origin-server.js';
export { selfSigned } from './self-signed.js';
export { DECEPTIVE_HOSTS, DECEPTIVE_URLS, PRIVATE_ADDRESSES, ssrfCorpus } from './ssrf-corpus.js';
