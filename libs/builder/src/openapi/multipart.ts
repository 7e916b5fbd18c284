import { createHash } from 'node:crypto';

/** One part of a `multipart/form-data` body. */
export interface FormPart {
  readonly name: string;
  readonly content: string | Buffer;
  readonly filename?: string;
  readonly contentType?: string;
}

/**
 * A `multipart/form-data` body (RFC 7578). The boundary comes from the parts themselves: they cannot hold it, for then
 * it would be another one, and equal calls send equal bytes.
 */
export function multipart(parts: readonly FormPart[]): { readonly contentType: string; readonly content: Buffer } {
  const hash = createHash('sha256');
  for (const { name, content, filename } of parts) hash.update(`${name}\n${filename}\n`).update(content);
  const boundary = `composer-${hash.digest('hex').slice(0, 40)}`;
  const chunks = parts.flatMap(({ name, content, filename, contentType }) => {
    const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
    const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"${file}\r\n${type}\r\n`;
    return [Buffer.from(head), Buffer.from(content as Buffer), Buffer.from('\r\n')];
  });
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    content: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

/** As browsers write names (HTML, 4.10.21.8): what would end the quotes or the line is escaped, and nothing else. */
const quoted = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
