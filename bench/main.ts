import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { evaluator } from './evaluator/comparison.ts';
import { curves } from './evaluator/curves.ts';
import { ensurePackages } from './lib/install.ts';
import { describeMachine, machine } from './lib/machine.ts';
import type { Check, Part, PartOptions } from './lib/part.ts';

const PARTS: readonly Part[] = [evaluator, curves];
const RESULTS = new URL('results/', import.meta.url);

const USAGE = `npm run bench -- [options]

  --only <name>  only this part (repeatable): ${PARTS.map(({ name }) => name).join(', ')}
  --quick        fewer and shorter measurements, for trying out
  --no-check     exit with 0 even if a target is missed
  --help`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

if (values.help) {
  console.log(USAGE);
} else {
  const checks = await runParts(chosen(values.only), { quick: values.quick, tell: console.error });
  for (const { isMet, target, measured } of checks) {
    console.log(`${isMet ? 'met   ' : 'MISSED'}  ${target} (${measured})`);
  }
  if (values.check && checks.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

function chosen(only: readonly string[] | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  return only.map((name) => {
    const part = PARTS.find((one) => one.name === name);
    if (part === undefined) throw new Error(`there is no part ${name}\n\n${USAGE}`);
    return part;
  });
}

async function runParts(parts: readonly Part[], options: PartOptions): Promise<Check[]> {
  await ensurePackages(options.tell);
  await mkdir(RESULTS, { recursive: true });
  const where = machine();
  console.log(`${describeMachine(where)}\n`);
  const checks: Check[] = [];
  for (const part of parts) {
    const result = await part.run(options);
    console.log(`${result.text}\n`);
    checks.push(...result.checks);
    const record = { at: new Date().toISOString(), quick: options.quick, machine: where };
    const json = JSON.stringify({ ...record, checks: result.checks, data: result.data }, undefined, 2);
    await writeFile(new URL(`${part.name}.json`, RESULTS), `${json}\n`);
  }
  return checks;
}
