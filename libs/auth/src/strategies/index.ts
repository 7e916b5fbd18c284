// Every export of this file is an auth strategy on offer. To add one: write its file, add its line.
export { ApiKeyStrategy } from './api-key.strategy.js';
export { ApiTokenStrategy } from './api-token.strategy.js';
export { BasicStrategy } from './basic.strategy.js';
export { BearerStrategy } from './bearer.strategy.js';
export { DynamicBearerStrategy } from './dynamic-bearer/dynamic-bearer.strategy.js';
export { JsessionidStrategy } from './jsessionid/jsessionid.strategy.js';
export { NoneStrategy } from './none.strategy.js';
export { Oauth2Strategy } from './oauth2/oauth2.strategy.js';
