import { accessConfig, limitsConfig, oauthConfig } from '#access';
import { memberClientConfig } from '#auth';
import { listenConfig, stageConfig } from '#config';
import { egressConfig } from '#egress';
import { gatewayConfig } from '#gateway';
import { observabilityConfig } from '#observability';
import { databaseConfig, keysConfig } from '#persistence';
import { registryConfig, stdioConfig } from '#registry';
import { tokenStoreConfig } from '#token-store';
import { stdioClientConfig } from './stdio/stdio-client.config.js';

/** Every slice of the environment that the application reads, so that all faults can be told at once. */
export const CONFIGURATION = [
  stageConfig,
  listenConfig,
  observabilityConfig,
  accessConfig,
  oauthConfig,
  limitsConfig,
  databaseConfig,
  keysConfig,
  tokenStoreConfig,
  egressConfig,
  memberClientConfig,
  registryConfig,
  stdioConfig,
  gatewayConfig,
  stdioClientConfig,
];
