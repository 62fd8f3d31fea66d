import { toString } from 'qrcode';

/** A QR code as SVG markup, for a page of ours. */
export function qrCodeSvg(text: string): Promise<string> {
  return toString(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
}

/** The same as a data URI, for an `img` of somebody's frontend. */
export async function qrCodeDataUri(text: string): Promise<string> {
  return `data:image/svg+xml;base64,${Buffer.from(await qrCodeSvg(text)).toString('base64')}`;
}
