import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { compareWith } from './against/against.ts';
import { ensurePackages } from './lib/install.ts';
import { describeMachine, machine } from './lib/machine.ts';
import { type Check, type Part, type PartOptions, Unavailable } from './lib/part.ts';
import { drawPlots } from './lib/plots.ts';
import { PARTS } from './parts/parts.ts';
import { ROOT } from './service/vexil.ts';

const where = machine();
const RESULTS = new URL('results/', import.meta.url);

const USAGE = `npm run bench -- [part …] [options]

  Without a part: all of them.
  --list           what the parts are
  --quick          fewer and shorter measurements, for trying out
  --against <rev>  compares Vexil as it is here with another commit, instead
  --root <folder>  runs Vexil from another checkout
  --no-check       exit with 0 even if a target is missed
  --help`;

const { values, positionals } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    against: { type: 'string' },
    root: { type: 'string', default: ROOT },
    check: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
  allowNegative: true,
});

if (values.help) console.log(USAGE);
else if (values.list) console.log(PARTS.map(({ name, about }) => `${name.padEnd(14)}${about}`).join('\n'));
else {
  const options: PartOptions = { quick: values.quick, root: values.root, tell: console.error };
  const parts = chosen(positionals);
  await ensurePackages(options.tell);
  await mkdir(RESULTS, { recursive: true });
  console.log(`${describeMachine(where)}\n`);
  if (values.against !== undefined) await compare(values.against, options);
  else await runParts(parts, options);
}

function chosen(names: readonly string[]): readonly Part[] {
  if (names.length === 0) return PARTS;
  return names.map((name) => {
    const part = PARTS.find((one) => one.name === name);
    if (part === undefined) throw new Error(`there is no part ${name}\n\n${USAGE}`);
    return part;
  });
}

async function runParts(parts: readonly Part[], options: PartOptions): Promise<void> {
  const checks: Check[] = [];
  for (const part of parts) checks.push(...(await runPart(part, options)));
  for (const { isMet, target, measured } of checks)
    console.log(`${isMet ? 'MET   ' : 'MISSED'}  ${target} (${measured})`);
  await drawPlots(RESULTS);
  if (values.check && checks.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

async function runPart(part: Part, options: PartOptions): Promise<readonly Check[]> {
  try {
    const { text, ...rest } = await part.run(options);
    console.log(`${text}\n`);
    await record(part.name, { quick: options.quick, ...rest });
    return rest.checks;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof Unavailable) console.log(`${part.name}: not available: ${why}\n`);
    else console.error(error);
    return error instanceof Unavailable ? [] : [{ target: part.name, measured: why, isMet: false, score: 0 }];
  }
}

async function compare(rev: string, options: PartOptions): Promise<void> {
  const { text, data } = await compareWith(rev, options);
  console.log(text);
  await record('against', { quick: options.quick, data });
}

async function record(name: string, results: object): Promise<void> {
  const about = { at: new Date().toISOString(), machine: where };
  await writeFile(
    new URL(`${name}.json`, RESULTS),
    `${JSON.stringify({ ...about, ...results }, undefined, 2)}\n`,
  );
}
