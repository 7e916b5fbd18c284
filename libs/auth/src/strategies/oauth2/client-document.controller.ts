import { Public } from '#tenancy';
import { Controller, Get, Header, NotFoundException } from '@nestjs/common';
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
    const { url, metadata } = this.document;
    // A server that reads it must find the address that it has read.
    if (url === undefined || !url.endsWith(DOCUMENT_PATH)) throw new NotFoundException();
    return { client_id: url, ...metadata };
  }
}
