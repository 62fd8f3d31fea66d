import { randomInt } from 'node:crypto';

/** No two of them look alike in the picture's typeface, turned and crossed out, nor in the other case. */
const ALPHABET = 'ACEHKMNTWXY349';

/** Pixels. Each character is drawn in a cell of its own; cells overlap, as their margins are empty. */
const PICTURE = { width: 270, height: 90, cell: 86, step: 46 };

/** Five letters and digits that nobody can foresee. */
export function randomCharacters(): string {
  return Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** What somebody typed, as the characters of a picture are compared: without case and without gaps. */
export function foldCharacters(typed: string): string {
  return typed.normalize('NFKC').replace(/\s/g, '').toUpperCase();
}

/**
 * A PNG of the characters, each turned and moved by chance, with lines across. The outlines come with the library, so no
 * fonts need to be installed; the pixels are made on a thread of the pool.
 */
export async function drawPng(characters: string): Promise<Buffer> {
  // Loaded when the first captcha is asked for: most instances never do.
  const [{ default: svgCaptcha }, { renderAsync }] = await Promise.all([
    import('svg-captcha'),
    import('@resvg/resvg-js'),
  ]);
  const { width, height, cell, step } = PICTURE;
  // The library would choose characters by Math.random, which can be foreseen: it gets one at a time to choose from.
  const glyphs = [...characters].map((character, index) => {
    const { data } = svgCaptcha.create({
      size: 1,
      charPreset: character,
      width: cell,
      height,
      fontSize: 84,
      noise: 2,
    });
    const [down, angle] = [randomInt(-8, 9), randomInt(-20, 21)];
    // The typeface is hollow: its outlines are made thicker for eyes that need it.
    return `<g stroke="#333" stroke-width="1.4" transform="translate(${index * step},${down}) rotate(${angle} ${cell / 2} ${height / 2})">${data}</g>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/>${glyphs.join('')}</svg>`;
  return (await renderAsync(svg, { font: { loadSystemFonts: false } })).asPng();
}
