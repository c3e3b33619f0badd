import { writeSync } from 'node:fs';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import type { Change } from '../../src/core/change.ts';
import { appliedTo, EMPTY_STATE, standing } from '../contract/folded-state.ts';
import { changeAfter, flagObject } from '../contract/samples.ts';

/**
 * A process that appends to the log of a data directory as fast as it can, brings the projection along, and prints
 * revision and hash of each change that was acknowledged. Arguments: the directory, and a name of its own.
 */
const [directory, writer] = process.argv.slice(2);
if (directory === undefined || writer === undefined) throw new Error('needs a directory and a name');

const log = await openSqliteChangeLog(directory);
const projection = await openSqliteProjection(directory);
let state = (await projection.load('shop')) ?? EMPTY_STATE;

async function project(change: Change): Promise<void> {
  const before = state;
  state = appliedTo(state, change, change.operations);
  const applied = await projection.apply('shop', standing(before), standing(state), change.operations);
  if (change.revision % 20 === 0 || (!applied && change.revision % 5 === 0))
    await projection.reset('shop', standing(state), state.objects);
}

for (let count = 0; ; count++) {
  for (const change of await log.read('shop', state.revision, 1_000)) await project(change);
  const size = count % 7 === 0 ? 50_000 : 10;
  const change = changeAfter(
    'shop',
    state.revision === 0 ? undefined : { project: 'shop', ...standing(state) },
    {
      idempotencyKey: `${writer}-${count}`,
      operations: [
        { op: 'put', object: flagObject(`flag-${count % 30}`, `${writer} ${'x'.repeat(size)}`) },
        { op: 'delete', id: { kind: 'flag', environment: '', key: `flag-${(count + 9) % 30}` } },
      ],
    },
  );
  const { kind } = await log.append(change);
  if (kind === 'appended') writeSync(1, `${change.revision} ${change.hash}\n`);
}
