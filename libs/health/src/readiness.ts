import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';

/** Whether this process wants new requests. */
@Injectable()
export class Readiness implements BeforeApplicationShutdown {
  private configurationLoaded = false;
  private draining = false;

  /** The members of the default tenant are built. */
  noteLoaded(): void {
    this.configurationLoaded = true;
  }

  beforeApplicationShutdown(): void {
    this.draining = true;
  }

  get isLoaded(): boolean {
    return this.configurationLoaded;
  }

  get isDraining(): boolean {
    return this.draining;
  }
}
