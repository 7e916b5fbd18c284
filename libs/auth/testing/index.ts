export { type StrategyCase, describeAuthStrategy } from './auth-strategy.contract.js';
