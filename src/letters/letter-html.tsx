import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';
import type { LetterLink } from './letter.js';
import type { WholeLetter } from './render-letter.js';

/**
 * Programs that know neither style sheets nor the dark show the inline styles, which stand for the light. The others
 * take these for the dark.
 */
const DARK = `
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  @media (prefers-color-scheme: dark) {
    .ground { background-color: #14191a !important; }
    .card { background-color: #1d2425 !important; border-color: #344042 !important; }
    .ink { color: #e6e9e7 !important; }
    .quiet { color: #a3b0b0 !important; }
    .facts { background-color: #263031 !important; }
    .rule { border-color: #344042 !important; }
    .link { color: #8fc5c4 !important; }
    .button { background-color: #8fc5c4 !important; color: #10191a !important; }
  }`;

const INK = '#20292b';
const QUIET = '#566466';
const ACCENT = '#2f5d62';
const FACTS = '#f3f1ec';
const LINE = '#d5d4cd';

const FONT = `font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif`;
const MONO = `font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 14px`;
const WRAP = 'overflow-wrap: anywhere; word-break: break-word';

/** A letter as HTML for mail programs: one column, inline styles, no pictures, nothing from elsewhere. */
export function letterHtml(letter: WholeLetter): string {
  return `<!doctype html>${render(<LetterPage letter={letter} />)}`;
}

function LetterPage({ letter }: { letter: WholeLetter }): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        {/* Or some programs make links of times and numbers. */}
        <meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no" />
        <title>{letter.subject}</title>
        <style>{DARK}</style>
      </head>
      <body class="ground" style={`margin: 0; padding: 0; background-color: ${FACTS}`}>
        <div class="ground" style={`padding: 16px 8px; background-color: ${FACTS}; ${FONT}`}>
          <table
            role="presentation"
            cellPadding="0"
            cellSpacing="0"
            style="width: 100%; max-width: 560px; margin: 0 auto"
          >
            <tr>
              <td
                class="card ink"
                style={`padding: 24px 20px 8px; background-color: #ffffff; border: 1px solid ${LINE}; border-radius: 12px; color: ${INK}; font-size: 16px; line-height: 1.55; ${WRAP}`}
              >
                <Content letter={letter} />
              </td>
            </tr>
            <tr>
              <td
                class="quiet"
                style={`padding: 14px 20px; color: ${QUIET}; font-size: 13px; line-height: 1.5; ${WRAP}`}
              >
                {letter.footer}
              </td>
            </tr>
          </table>
        </div>
      </body>
    </html>
  );
}

function Content({ letter }: { letter: WholeLetter }): VNode {
  const { greeting, paragraphs, quote, circumstances, command, action, otherwise } = letter;
  return (
    <>
      <Paragraph>{greeting}</Paragraph>
      {paragraphs.map((sentence) => (
        <Paragraph>{sentence}</Paragraph>
      ))}
      {quote && (
        <blockquote class="rule" style={`margin: 0 0 16px; padding: 2px 0 2px 14px; border-left: 3px solid ${LINE}`}>
          {quote}
        </blockquote>
      )}
      {circumstances.length > 0 && <Circumstances rows={circumstances} />}
      {command && <Paragraph>{command.text}</Paragraph>}
      {command && (
        <p
          class="facts"
          style={`margin: 0 0 16px; padding: 10px 14px; background-color: ${FACTS}; border-radius: 8px; ${MONO}`}
        >
          {command.line}
        </p>
      )}
      {action?.before && <Paragraph>{action.before}</Paragraph>}
      {action && <Action link={action} note={action.note} />}
      {otherwise && (
        <div class="rule" style={`padding: 16px 0 0; border-top: 1px solid ${LINE}`}>
          <Paragraph>{otherwise.text}</Paragraph>
          {otherwise.link && <BareLink {...otherwise.link} />}
        </div>
      )}
    </>
  );
}

function Paragraph({ children }: { children: ComponentChildren }): VNode {
  return <p style="margin: 0 0 16px">{children}</p>;
}

function Circumstances({ rows }: { rows: [string, string][] }): VNode {
  return (
    <table
      class="facts"
      cellPadding="0"
      cellSpacing="0"
      style={`width: 100%; margin: 0 0 16px; padding: 8px 14px; background-color: ${FACTS}; border-radius: 8px; font-size: 15px; line-height: 1.45`}
    >
      {rows.map(([name, value]) => (
        <tr>
          <th
            class="quiet"
            scope="row"
            style={`padding: 4px 14px 4px 0; text-align: left; vertical-align: top; color: ${QUIET}; font-weight: normal; white-space: nowrap`}
          >
            {name}
          </th>
          <td style={`width: 99%; padding: 4px 0; vertical-align: top; ${WRAP}`}>{value}</td>
        </tr>
      ))}
    </table>
  );
}

/** What the letter is about: a button, and its address for programs that show no buttons and people who want to see it. */
function Action({ link, note }: { link: LetterLink; note: string | undefined }): VNode {
  return (
    <>
      <p style="margin: 8px 0 16px">
        <a
          class="button"
          href={link.url}
          style={`display: inline-block; padding: 12px 22px; background-color: ${ACCENT}; border-radius: 8px; color: #ffffff; font-weight: 600; text-decoration: none`}
        >
          {link.label}
        </a>
      </p>
      <p class="quiet" style={`margin: 0 0 16px; color: ${QUIET}; font-size: 14px`}>
        {note && (
          <>
            {note}
            <br />
          </>
        )}
        If the button does not work, open this address:
        <br />
        <BareAddress url={link.url} />
      </p>
    </>
  );
}

function BareLink({ label, url }: LetterLink): VNode {
  return (
    <Paragraph>
      {label}:
      <br />
      <BareAddress url={url} />
    </Paragraph>
  );
}

function BareAddress({ url }: { url: string }): VNode {
  return (
    <a class="link" href={url} style={`color: ${ACCENT}; word-break: break-all`}>
      {url}
    </a>
  );
}
