import { Public } from '#tenancy';
import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ClientDocument, DOCUMENT_PATH } from './client-document.js';

/**
 * The composer's client ID metadata document, which authorization servers of members fetch instead of registering it.
 * The same for everybody; holds no secret.
 */
@ApiExcludeController()
@Public()
@Controller()
export class ClientDocumentController {
  constructor(private readonly document: ClientDocument) {}

  @Get(DOCUMENT_PATH)
  @Header('cache-control', 'public, max-age=3600')
  get(): object {
    const { servedAs, metadata } = this.document;
    return { client_id: servedAs, ...metadata };
  }
}
