import { type Summary, summarize } from './summary.ts';

/** One thing that is measured beside others; every figure of it has a name. */
export interface Entry<Name extends string> {
  readonly name: string;
  measure(): Promise<Readonly<Record<Name, number>>>;
}

/** What was measured of one thing, one value a round. */
export type Series<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Measures all entries in turn, and that several times over, so that whatever disturbs the machine for a while falls on
 * all of them. Values of the same place in two series are of the same round.
 */
export async function inTurn<Name extends string>(
  entries: readonly Entry<Name>[],
  rounds: number,
): Promise<ReadonlyMap<string, Series<Name>>> {
  const found = new Map<string, Record<Name, number[]>>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, measure } of entries) {
      const figures = Object.entries<number>(await measure()) as [Name, number][];
      const series = found.get(name) ?? emptySeries(figures.map(([figure]) => figure));
      found.set(name, series);
      for (const [figure, value] of figures) series[figure].push(value);
    }
  }
  return found;
}

/** All rounds of several measurements of the same things, one after the other. */
export function joined<Name extends string>(
  parts: readonly ReadonlyMap<string, Series<Name>>[],
): ReadonlyMap<string, Series<Name>> {
  const found = new Map<string, Record<Name, number[]>>();
  for (const [name, figures] of parts.flatMap((part) => [...part])) {
    const entries = Object.entries<readonly number[]>(figures) as [Name, readonly number[]][];
    const series = found.get(name) ?? emptySeries(entries.map(([figure]) => figure));
    found.set(name, series);
    for (const [figure, values] of entries) series[figure].push(...values);
  }
  return found;
}

function emptySeries<Name extends string>(names: readonly Name[]): Record<Name, number[]> {
  return Object.fromEntries(names.map((name): [Name, number[]] => [name, []])) as Record<Name, number[]>;
}

/** How many times as large one series is as another, round by round. */
export function ratioOf(values: readonly number[], others: readonly number[]): Summary {
  return summarize(values.map((value, round) => value / (others[round] ?? Number.NaN)));
}
