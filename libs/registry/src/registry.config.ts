import { configSlice } from '#config';
import { z } from 'zod';

export interface RegistryConfig {
  /** A JSON or YAML file with servers that are registered at every start; absent if there is none. */
  readonly configFile: string | undefined;
}

export const registryConfig = configSlice(
  'registry',
  z.object({ SERVER_CONFIG_FILE_PATH: z.string().optional() }),
  ({ SERVER_CONFIG_FILE_PATH }): RegistryConfig => ({ configFile: SERVER_CONFIG_FILE_PATH }),
);
