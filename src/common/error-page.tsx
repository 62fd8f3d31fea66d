import { Document, renderDocument } from './html-document.js';

/** The page of a refusal: the same status and sentence as the JSON answer (contract.md §0.6). */
export function errorPage(instance: string, status: number, sentence: string): string {
  return renderDocument(
    <Document title={status < 500 ? 'That did not work' : 'Something went wrong'} instance={instance}>
      <section class="card">
        <h1>{status < 500 ? 'That did not work' : 'Something went wrong'}</h1>
        <p role="alert">{sentence}</p>
        <p>
          <a href="/">Back to the start</a>
        </p>
      </section>
    </Document>,
  );
}
