export interface RealPostgres {
  /** Of the superuser. */
  readonly url: string;
  readonly directory: string;
  stop(): Promise<void>;
  /** Ends the server as if it had been killed, and gives how to start it again. */
  crash(): Promise<() => Promise<void>>;
}

export function startRealPostgres(options?: {
  readonly from?: readonly ('machine' | 'package')[];
}): Promise<RealPostgres>;
