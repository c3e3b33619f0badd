import { globSync } from 'node:fs';
import { scenarioOf } from '../evaluator/scenario.ts';
import { atMost, type Part, Unavailable } from '../lib/part.ts';
import { ratioOf } from '../lib/rounds.ts';
import { FULL, loadInTurn, QUICK, summariesOf, throughputTable } from '../service/throughput-table.ts';
import { startVexil } from '../service/vexil.ts';
import { unaryLoads } from './unary.ts';

const { flags } = scenarioOf('prerequisite');
/** Decides for everybody, so there is something to record about every call. */
const FOR_ALL = [{ key: 'new-checkout', rules: flags.flatMap(({ rules }) => rules).slice(0, 1) }];
const SHAPE = { connections: 8, inFlight: 8 };

/** The same evaluations, recorded and not. */
export const exposures: Part = {
  name: 'exposures',
  about: 'what it costs to record exposures',
  run: async ({ quick, root, tell }) => {
    if (globSync('src/ports/exposure*.ts', { cwd: root }).length === 0)
      throw new Unavailable('exposures are not recorded yet');
    tell('exposures: recorded and not');
    await using recording = await startVexil(FOR_ALL, { root });
    await using silent = await startVexil(FOR_ALL, { root, name: 'not recorded', recordExposures: false });
    const found = await loadInTurn(unaryLoads([recording, silent], SHAPE), quick ? QUICK : FULL);
    const rate = (name: string) => found.get(name)?.callsPerSecond ?? [];
    const lost = 1 - ratioOf(rate('vexil'), rate('not recorded')).median;
    return {
      text: throughputTable('exposures recorded (vexil) and not', found),
      checks: [atMost('recording exposures, of the throughput', 10, lost * 100, '%')],
      data: summariesOf(found),
    };
  },
};
