import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Log } from './log.js';
import { type ObservabilityConfig, observabilityConfig } from './observability.config.js';
import { SecretValues } from './secret-values.js';

/** The log and the register of secret values. */
@Module({
  imports: [ConfigModule.forFeature(observabilityConfig)],
  providers: [
    SecretValues,
    {
      provide: Log,
      useFactory: (config: ObservabilityConfig, secrets: SecretValues) => Log.open(config, secrets),
      inject: [observabilityConfig.KEY, SecretValues],
    },
  ],
  exports: [Log, SecretValues],
})
export class ObservabilityModule {}
