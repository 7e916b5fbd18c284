import { Injectable } from '@nestjs/common';
import { Documents } from './documents.js';

/** In a process that keeps everything in tables. */
@Injectable()
export class NoDocuments extends Documents {
  override read(): Promise<never> {
    return refuse();
  }

  override range(): Promise<never> {
    return refuse();
  }

  override write(): Promise<never> {
    return refuse();
  }

  override remove(): Promise<never> {
    return refuse();
  }
}

const refuse = async (): Promise<never> => {
  throw new Error('there are no documents where everything is in tables');
};
