import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPOSURE_SCENARIOS } from './exposures/exposure-scenarios.ts';
import { EXPOSURE_MUTANTS } from './mutants/exposure-mutants.ts';
import { MUTANTS } from './mutants/mutants.ts';
import { SCENARIOS } from './scenarios/all.ts';

const text = readFileSync(new URL('../../docs/faults.md', import.meta.url), 'utf8');

/** The rows of the tables whose first cell is like this. */
function rows(first: RegExp): string[][] {
  return [...text.matchAll(/^\|(.*)\|$/gm)]
    .map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
    .filter(([cell = '']) => first.test(cell));
}

describe('docs/faults.md', () => {
  it('lists every scenario with its fault', () => {
    const all = [...SCENARIOS.values(), ...EXPOSURE_SCENARIOS.values()];
    const scenarios = all.map(({ name, fault }) => [name, fault]);
    expect(rows(/^(F\d+|storm)$/).sort()).toEqual(scenarios.sort());
  });

  it('lists every bug with the invariant that it breaks', () => {
    const all = Object.entries({ ...MUTANTS, ...EXPOSURE_MUTANTS });
    const mutants = all.map(([name, { bug, breaks }]) => [name, bug, breaks]);
    expect(rows(/^M\d+$/).sort()).toEqual(mutants.sort());
  });
});
