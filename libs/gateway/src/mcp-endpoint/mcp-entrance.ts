import type { IncomingMessage } from 'node:http';
import type { ComposerError } from '#kernel';
import { UnknownVirtualServerError } from '#registry';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { Selection } from '../catalog/selection.js';
import { Selections } from '../catalog/selections.js';
import { ScopeInsufficientError } from '../gateway.errors.js';
import { CallAdmission } from '../router/call-admission.js';
import { OpenExchanges } from './open-exchanges.js';

/** Who asks, and at which address below the tenant's own. */
export interface McpCaller {
  readonly principal: Principal;
  /** The last part of `/mcp/{slug}`; absent at `/mcp`. */
  readonly slug?: string;
  /** The address names another tenant, or none: nothing is there for the caller. */
  readonly isElsewhere?: boolean;
}

interface HeldRequest {
  readonly principal: Principal;
  readonly request: IncomingMessage;
}

/** What stands before every request on the endpoint, once it is known who sends it. */
@Injectable()
export class McpEntrance {
  constructor(
    private readonly selections: Selections,
    private readonly admission: CallAdmission,
    private readonly exchanges: OpenExchanges,
  ) {}

  /**
   * What the address offers, at once wherever that is known. Throws, or rejects with, the `ComposerError` to answer with:
   * too many requests, a credential that is not for this, an address that is not there for the caller.
   */
  enter({ principal, slug = '', isElsewhere = false }: McpCaller): Selection | Promise<Selection> {
    const refusal = this.admission.refusalOf(principal);
    if (refusal) throw refusal;
    if (!principal.scopes.includes('mcp')) throw new ScopeInsufficientError(['mcp']);
    if (isElsewhere) throw new UnknownVirtualServerError();
    const found = this.selections.find(principal, slug);
    return found instanceof Promise ? found.then(mustBeThere) : mustBeThere(found);
  }

  /**
   * Keeps an eye on a request that is not complete yet: until it is, its sender may lose rights, or all of them.
   *
   * @param onEnd told if it may not go on
   * @returns how to go on: as whom, or not at all
   */
  hold({ principal, request }: HeldRequest, onEnd: (reason: ComposerError) => void): () => Principal | undefined {
    const held = { principal, isEnded: false };
    const takeOut = this.exchanges.add({
      principal,
      request,
      endsWithCredential: false,
      end: (reason) => {
        held.isEnded = true;
        takeOut();
        onEnd(reason);
      },
      goOnAs: (now) => (held.principal = now),
    });
    return () => {
      takeOut();
      return held.isEnded ? undefined : held.principal;
    };
  }
}

function mustBeThere(selection: Selection | undefined): Selection {
  if (!selection) throw new UnknownVirtualServerError();
  return selection;
}
