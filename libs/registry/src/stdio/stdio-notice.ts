import { Log } from '#observability';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { type StdioConfig, stdioConfig } from './stdio.config.js';

/** Says at the start which commands members may be, and warns of the old name of the list. */
@Injectable()
export class StdioNotice implements OnModuleInit {
  constructor(
    @Inject(stdioConfig.KEY) private readonly config: StdioConfig,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    const { aliases, allowed } = this.config;
    for (const variable of aliases) {
      this.log.warn('this variable has another name by now', { variable, name: 'STDIO_ALLOWLIST' });
    }
    if (allowed.length === 0) return;
    this.log.warn('whoever manages servers may start these commands on this host, with arguments of their own', {
      commands: allowed,
    });
  }
}
