export { type EgressAnswer } from './buffered-exchange.js';
export { noteDiscarded } from './discarded-reads.js';
export { type EgressConfig, egressConfig } from './egress.config.js';
export {
  EgressBadAnswerError,
  EgressDeniedError,
  EgressRequestError,
  EgressTimeoutError,
  EgressTooLargeError,
  EgressUnreachableError,
} from './egress.errors.js';
export { type EgressFetch, egressFetch } from './egress-fetch.js';
export { EgressGuard } from './egress-guard.js';
export { EgressHttp, type HttpAnswer, type HttpRequest } from './egress-http.js';
export { EgressModule } from './egress.module.js';
export {
  type DispatchController,
  type DispatchHandler,
  type DispatchOptions,
  EgressPool,
  type EgressPoolOptions,
  type PoolLoad,
  type PoolRequest,
} from './egress-pool.js';
export { EgressPools } from './egress-pools.js';
export { type OutgoingHeaders } from './outgoing-headers.js';
export { wireFault } from './wire-fault.js';
