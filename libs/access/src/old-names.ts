import { type ListenConfig, listenConfig } from '#config';
import { Log } from '#observability';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

/** Warns, one line each, of variables that are called otherwise by now. */
@Injectable()
export class OldNames implements OnModuleInit {
  constructor(
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    for (const variable of this.listen.aliases) {
      this.log.warn('this variable has another name by now', { variable, name: 'PUBLIC_URL' });
    }
  }
}
