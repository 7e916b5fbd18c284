import { Injectable } from '@nestjs/common';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { type OpenExchange, OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import { CallAdmission } from './call-admission.js';
import { OpenCall, type OpenCallParts } from './open-call.js';

/** Opens calls: at a member in its turn, here at once. */
@Injectable()
export class OpenCalls {
  constructor(
    private readonly admission: CallAdmission,
    private readonly exchanges: OpenExchanges,
  ) {}

  start(exchange: RoutedExchange, parts: Pick<OpenCallParts, 'recorded' | 'begin' | 'isOpenTo' | 'onFault'>): OpenCall {
    const call = new OpenCall(exchange, { ...parts, admission: this.admission, exchanges: this.exchanges });
    call.start();
    return call;
  }

  /**
   * A call that is carried out here. It waits for nothing, so that an administrator can act while a tenant is at its
   * limits, and it cannot be taken back: who may call no more does not learn how it ended.
   */
  note({ principal, request, reply }: RoutedExchange): void {
    const exchange: OpenExchange = {
      principal,
      request,
      endsWithCredential: false,
      end: (reason) => reply.cutOff(reason),
      goOnAs: () => undefined,
    };
    reply.onAnswered(this.exchanges.add(exchange));
  }
}
