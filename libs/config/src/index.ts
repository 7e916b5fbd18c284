export { ConfigError } from './config.errors.js';
export { type ConfigSlice, checkSlices, configSlice } from './config-slice.js';
export { type Environment, type Stage, STAGES, environment, setEnvironment } from './environment.js';
export { type ListenConfig, listenConfig } from './listen.config.js';
export { readEnv } from './read-env.js';
export { type StageConfig, stageConfig } from './stage.config.js';
