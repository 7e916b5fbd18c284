export { type StrategyCase, describeAuthStrategy } from './auth-strategy.contract.js';
export { openAuthAdapter } from './open-auth-adapter.js';
