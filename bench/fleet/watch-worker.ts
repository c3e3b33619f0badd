import { answerQuestions } from '../lib/child.ts';
import { type FleetWatch, type FleetWatchOptions, openFleetWatch } from './fleet-watch.ts';

// A process of its own: watches a fleet, and notes when it was told what.

/** What the process can be asked to do. */
export type WatchQuestion =
  /** Opens watches and keeps them open. */
  | { readonly kind: 'open'; readonly options: FleetWatchOptions }
  /** When the last watcher of a replica was told of a revision, once it was. */
  | { readonly kind: 'last'; readonly replica: number; readonly revision: number }
  | { readonly kind: 'arrivals' }
  | { readonly kind: 'standings' };

let watch: FleetWatch | undefined;

answerQuestions(async (question: WatchQuestion): Promise<unknown> => {
  if (question.kind === 'open') {
    watch = await openFleetWatch(question.options);
    return question.options.streams;
  }
  if (watch === undefined) throw new Error('there are no watches');
  switch (question.kind) {
    case 'last':
      return await watch.last(question.replica, question.revision);
    case 'arrivals':
      return watch.arrivals();
    case 'standings':
      return watch.standings();
  }
});
