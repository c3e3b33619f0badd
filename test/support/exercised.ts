import type { Answer, Caller } from './calls.ts';
import { methodNamed } from './stock-protos.ts';

/** Remembers which methods answered and which refused, so that a test can tell what nobody tried. */
export interface Exercised {
  readonly answered: ReadonlySet<string>;
  readonly refused: ReadonlySet<string>;
  /** A caller whose calls are remembered. */
  watch(caller: Caller): Caller;
  /** For calls that no caller makes: streams. */
  note(method: string, outcome: 'answered' | 'refused'): void;
}

export function exercised(): Exercised {
  const answered = new Set<string>();
  const refused = new Set<string>();
  const note = (method: string, outcome: 'answered' | 'refused') => {
    const path = methodNamed(method).path.slice(1);
    (outcome === 'answered' ? answered : refused).add(path);
  };
  return {
    answered,
    refused,
    note,
    watch:
      (caller) =>
      async (...call): Promise<Answer> => {
        const answer = await caller(...call);
        note(call[0], answer.refusal === undefined ? 'answered' : 'refused');
        return answer;
      },
  };
}
