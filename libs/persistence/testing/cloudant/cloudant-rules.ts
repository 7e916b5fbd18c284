const DOCUMENT_BYTES = 1_048_576;
const ATTACHMENT_BYTES = 10 * 1_048_576;
const REQUEST_BYTES = 64 * 1_048_576;
const PARTITION_ROWS = 2_000;

/** A request to the server behind. */
export interface Forwarded {
  readonly method: string;
  /** With the query, encoded. */
  readonly url: string;
  readonly body: Buffer;
}

/** What a request is refused with, as CouchDB writes it. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly reason: string;
}

interface Asked {
  readonly limit?: number;
  readonly descending?: boolean;
  readonly start_key?: string;
  readonly end_key?: string;
  readonly key?: string;
}

interface CouchDocument {
  readonly _attachments?: Readonly<Record<string, { readonly data?: string }>>;
}

/** What IBM Cloudant adds to CouchDB, or sets narrower: partitions, and how large things may be. */
export class CloudantRules {
  private readonly partitioned = new Set<string>();
  /** False: as a server that knows of no partitions. */
  hasPartitions = true;

  judge(request: Forwarded): Refusal | Forwarded {
    const { method, url, body } = request;
    const [path = '', query = ''] = url.split('?');
    const [database = '', first, ...rest] = path.slice(1).split('/').map(decodeURIComponent);
    if (body.length > REQUEST_BYTES) return tooLarge('the request entity is too large');
    if (method === 'PUT' && first === undefined) return this.create(request, database, query);
    if (first === '_partition') return this.isPartitioned(database) ? scan(request, database, rest) : noPartition;
    const written = method === 'PUT' && first !== undefined ? [JSON.parse(body.toString()) as CouchDocument] : [];
    const isNamed = first === undefined || first.startsWith('_') || /^[^_:][^:]*:[^_]/.test(first);
    if (written.length > 0 && this.isPartitioned(database) && !isNamed) return noPartition;
    return written.map(sizeFault).find((fault) => fault !== undefined) ?? request;
  }

  /** What is told of a database besides what the server behind tells. */
  told(url: string): object {
    return this.isPartitioned(url.slice(1)) ? { props: { partitioned: true } } : { props: {} };
  }

  private create(request: Forwarded, database: string, query: string): Refusal | Forwarded {
    const isPartitioned = new URLSearchParams(query).get('partitioned') === 'true';
    if (isPartitioned && !this.hasPartitions) {
      return { status: 400, error: 'bad_request', reason: 'Cannot partition this database.' };
    }
    if (isPartitioned) this.partitioned.add(database);
    return request;
  }

  private isPartitioned(database: string): boolean {
    return this.partitioned.has(database);
  }
}

function scan({ method, body }: Forwarded, database: string, [partition = '', what]: string[]): Refusal | Forwarded {
  if (method !== 'POST' || what !== '_all_docs') return { status: 404, error: 'not_found', reason: 'missing' };
  const asked = JSON.parse(body.toString()) as Asked;
  const limit = asked.limit ?? PARTITION_ROWS;
  if (limit > PARTITION_ROWS) {
    return { status: 400, error: 'query_parse_error', reason: `Limit is too large, must not exceed ${PARTITION_ROWS}` };
  }
  const within = asked.descending
    ? { start_key: `${partition}:\u007f`, end_key: `${partition}:` }
    : { start_key: `${partition}:`, end_key: `${partition}:\u007f` };
  const keys = [asked.start_key, asked.end_key, asked.key].filter((key) => key !== undefined);
  const isForeign = keys.some((key) => !key.startsWith(`${partition}:`));
  if (isForeign) return noPartition;
  const url = `/${encodeURIComponent(database)}/_all_docs`;
  return { method, url, body: Buffer.from(JSON.stringify({ ...within, ...asked, limit })) };
}

function sizeFault({ _attachments: attachments = {}, ...document }: CouchDocument): Refusal | undefined {
  if (Buffer.byteLength(JSON.stringify(document)) > DOCUMENT_BYTES) return tooLarge('document_too_large');
  const sizes = Object.values(attachments).map(({ data = '' }) => Buffer.byteLength(data, 'base64'));
  return sizes.some((size) => size > ATTACHMENT_BYTES) ? tooLarge('attachment_too_large') : undefined;
}

const tooLarge = (reason: string): Refusal => ({ status: 413, error: 'document_too_large', reason });
const noPartition: Refusal = { status: 400, error: 'illegal_docid', reason: 'Doc id must be of form partition:id' };
