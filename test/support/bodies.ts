/** The types of bodies that need naming; multipart with the boundary of `multipart()`. */
export const FORM = 'application/x-www-form-urlencoded';
export const MULTIPART = 'multipart/form-data; boundary=x';

/** Fields as a form. */
export function asForm(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString();
}

/** One part of a multipart body, byte for byte; `more` stands behind its name. */
export function part(name: string, value: string | Buffer, more = ''): Buffer {
  const head = Buffer.from(`--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`);
  return Buffer.concat([head, Buffer.from(value), Buffer.from('\r\n')]);
}

/** A whole multipart body. */
export function multipart(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.from('--x--\r\n')]);
}

/** Fields as a multipart body. */
export function asMultipart(fields: Record<string, string>): Buffer {
  return multipart(...Object.entries(fields).map(([name, value]) => part(name, value)));
}
