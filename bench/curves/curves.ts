import type { Curve, Part, PartOptions } from '../lib/part.ts';
import { inTurn } from '../lib/rounds.ts';
import { type Summary, summarize } from '../lib/summary.ts';
import { figure, table } from '../lib/table.ts';
import { CORE } from './core-curves.ts';
import { SERVICE } from './service-curves.ts';
import type { Sizing } from './sizing.ts';
import { exponentOf } from './slope.ts';

/** How what Vexil costs grows with the size of things. */
export const curves: Part = {
  name: 'curves',
  about: 'how cost grows with flags, rules, segment members, attributes and streams',
  run: async (options) => {
    const texts: string[] = [];
    const drawn: Curve[] = [];
    const data: Record<string, unknown> = {};
    for (const sizing of [...CORE, ...SERVICE]) {
      options.tell(`curves: ${sizing.title}`);
      const points = await pointsOf(sizing, options);
      const curve = {
        ...{ title: sizing.title, unit: sizing.unit },
        points: points.map(({ size, summary }) => ({ size, value: summary.median })),
      };
      const exponent = exponentOf(curve.points);
      drawn.push(curve);
      data[sizing.title] = { unit: sizing.unit, exponent, points };
      texts.push(textOf(sizing, curve, exponent));
    }
    return { text: texts.join('\n\n'), checks: [], data, curves: drawn };
  },
};

async function pointsOf(
  sizing: Sizing,
  options: PartOptions,
): Promise<{ readonly size: number; readonly summary: Summary }[]> {
  const entries = sizing.sizes.map((size) => ({
    name: `${size}`,
    measure: async () => ({ value: await sizing.measure(size, options) }),
  }));
  const found = await inTurn<'value'>(entries, options.quick ? 1 : sizing.rounds);
  return [...found].map(([size, { value }]) => ({ size: Number(size), summary: summarize(value) }));
}

function textOf({ unit, meaning }: Sizing, { title, points }: Curve, exponent: number): string {
  const rows = [
    [title, ...points.map(({ size }) => size.toLocaleString('en-US'))],
    [`  ${unit}`, ...points.map(({ value }) => figure(value))],
  ];
  return `${table(rows)}\n  size to the power of ${exponent.toFixed(2)}; ${meaning}`;
}
