import type { ComponentChildren, VNode } from 'preact';
import { Alert } from '../pages/parts.js';

/** What every part of the screen knows. */
export interface FramedProps {
  id: string;
  title: string;
  sentence: string | undefined;
  children?: ComponentChildren;
}

/** One kind of proof, with what was wrong with its last form. */
export function Part({ id, title, sentence, children }: FramedProps): VNode {
  return (
    <section class="part" id={id}>
      <h2>{title}</h2>
      {sentence !== undefined && (
        <Alert>
          <p>{sentence}</p>
        </Alert>
      )}
      {children}
    </section>
  );
}
