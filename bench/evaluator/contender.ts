import type { Work } from '../lib/measure.ts';
import type { Scenario, User } from './scenario.ts';

/** A library, ready for one scenario. */
export interface Contender {
  /** One evaluation (or one of everything) for the user of this index, as an application would do it. */
  readonly work: Work;
  /** Which of the flags that are asked for are on for a user, in order, through the same calls. */
  answers(user: number): Promise<boolean[]>;
}

/** What the file of each library exports. Undefined: the library has nothing like it. */
export type SetUp = (scenario: Scenario) => Promise<Contender | undefined>;

/** One of a list; the index is always within it. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no ${index} in a list of ${list.length}`);
  return found;
}

/** An object with the key under the name that the library has for it, beside the attributes. */
export function flat(user: User, keyName: string): Record<string, string> {
  return { [keyName]: user.id, ...user.attributes };
}
