import type { PartOptions } from '../lib/part.ts';
import { inTurn, ratioOf, type Series } from '../lib/rounds.ts';
import { summarize } from '../lib/summary.ts';
import { spread, table, times } from '../lib/table.ts';
import { summariesOf } from '../service/throughput-table.ts';
import { MEASUREMENTS, type Measurement, type Measurer, type Side } from './measurements.ts';
import { checkOut } from './worktree.ts';

const ROUNDS = { full: 7, quick: 3 };

/** Measures Vexil as it is here and as it was in another commit, in turn. */
export async function compareWith(
  rev: string,
  options: PartOptions,
): Promise<{ readonly text: string; readonly data: unknown }> {
  using other = checkOut(options.root, rev, options.tell);
  const here: Side = { name: 'here', root: options.root };
  const there: Side = { name: other.commit, root: other.root };
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const [name, measurement] of Object.entries(MEASUREMENTS)) {
    options.tell(`against ${other.commit}: ${name}`);
    const found = await measureBoth(measurement, [here, there], options.quick);
    rows.push(...rowsOf(found, here, there));
    data[name] = summariesOf(found);
  }
  const heading = ['less is better', `here, × ${other.commit}`, 'here', other.commit];
  return { text: table([heading, ...rows]), data: { commit: other.commit, ...data } };
}

async function measureBoth(
  measurement: Measurement,
  sides: readonly Side[],
  quick: boolean,
): Promise<ReadonlyMap<string, Series<string>>> {
  await using stack = new AsyncDisposableStack();
  const measurers: { name: string; measurer: Measurer }[] = [];
  for (const side of sides) {
    const measurer = await measurement(side, quick);
    if (measurer !== undefined) measurers.push({ name: side.name, measurer: stack.use(measurer) });
  }
  const entries = measurers.map(({ name, measurer }) => ({ name, measure: () => measurer.measure() }));
  return await inTurn<string>(entries, quick ? ROUNDS.quick : ROUNDS.full);
}

function rowsOf(found: ReadonlyMap<string, Series<string>>, here: Side, there: Side): string[][] {
  const ours = found.get(here.name) ?? {};
  const theirs = found.get(there.name) ?? {};
  return Object.entries(ours).map(([figure, values]) => {
    const others = theirs[figure];
    return others === undefined
      ? [figure, '–', spread(summarize(values)), '–']
      : [figure, times(ratioOf(values, others)), spread(summarize(values)), spread(summarize(others))];
  });
}
