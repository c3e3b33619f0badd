import { scenarioOf } from '../evaluator/scenario.ts';
import { atLeast, atMost, type Part, type PartOptions } from '../lib/part.ts';
import { inTurn, ratioOf, type Series } from '../lib/rounds.ts';
import { summarize } from '../lib/summary.ts';
import { figure, spread, table, times } from '../lib/table.ts';
import type { Watchers } from '../load/load.ts';
import type { Delivery } from '../load/watch.ts';
import { startContenders } from '../service/contenders.ts';
import { memoryPerStream, type StreamMemory } from '../service/idle-streams.ts';
import { startPeer } from '../service/peer.ts';
import type { Service } from '../service/service.ts';
import { summariesOf } from '../service/throughput-table.ts';
import { startVexil } from '../service/vexil.ts';
import { watchAll } from '../service/watching.ts';

const { flags } = scenarioOf('one-rule');
const KIB = 1024;

interface Plan {
  readonly streams: number;
  readonly changes: number;
  readonly memoryRounds: number;
}

const FULL: Plan = { streams: 10_000, changes: 9, memoryRounds: 3 };
const QUICK: Plan = { streams: 1_000, changes: 5, memoryRounds: 1 };
const WARM_UP_CHANGES = 4;

type Deliveries = Series<keyof Delivery>;

/** One change, told to every watcher; and what a watcher costs that is told nothing. */
export const fanout: Part = {
  name: 'fanout',
  about: 'one change to 10,000 WatchFlags streams, and the memory of an idle one, beside grpc-js',
  run: async (options) => {
    const plan = options.quick ? QUICK : FULL;
    const streams = plan.streams.toLocaleString('en-US');
    options.tell(`fanout: one change to ${streams} streams`);
    const deliveries = await deliverInTurn(options, plan);
    options.tell(`fanout: memory of ${streams} idle streams`);
    const memory = await memoryInTurn(options, plan);
    const ratio = ratioOf(deliveries.get('grpc-js')?.lastMs ?? [], deliveries.get('vexil')?.lastMs ?? []);
    const resident = summarize(memory.get('vexil')?.resident ?? []).median / KIB;
    return {
      text: `${deliveryTable(`one change to ${streams} streams`, deliveries)}\n\n${memoryTable(memory)}`,
      checks: [
        atLeast(`fan-out to ${streams} streams, grpc-js`, 2, ratio.median),
        atMost('memory per idle stream', 8, resident, 'KB'),
      ],
      data: { streams: plan.streams, delivery: summariesOf(deliveries), memory: summariesOf(memory) },
    };
  },
};

async function deliverInTurn({ root }: PartOptions, { streams, changes }: Plan) {
  await using stack = new AsyncDisposableStack();
  const { services } = stack.use(await startContenders(root, flags, ['vexil, slow path', 'grpc-js']));
  const watched: { name: string; watchers: Watchers }[] = [];
  for (const service of services)
    watched.push({ name: service.name, watchers: stack.use(await watchAll(service, streams)) });
  for (let change = 0; change < WARM_UP_CHANGES; change++)
    for (const { watchers } of watched) await watchers.change();
  const entries = watched.map(({ name, watchers }) => ({ name, measure: () => watchers.change() }));
  return await inTurn<keyof Delivery>(entries, changes);
}

/** Each in a server of its own that has served nothing else. */
async function memoryInTurn({ root }: PartOptions, { streams, memoryRounds }: Plan) {
  await using definer = await startVexil(flags, { root });
  const measure = async (start: () => Promise<Service>): Promise<StreamMemory> => {
    await using service = await start();
    return await memoryPerStream(service, streams);
  };
  return await inTurn<string>(
    [
      { name: 'vexil', measure: () => measure(() => startVexil(flags, { root })) },
      { name: 'grpc-js', measure: () => measure(() => startPeer('grpc-js', 'grpc-js', definer.definitions)) },
    ],
    memoryRounds,
  );
}

function deliveryTable(title: string, found: ReadonlyMap<string, Deliveries>): string {
  const heading = [
    ...[title, "to the last, × vexil's", 'ms to the last', 'ms to the first', 'ms to the answer'],
    ...['server ms of processor', 'client ms', 'bytes'],
  ];
  const ofVexil = found.get('vexil')?.lastMs ?? [];
  const rows = [...found].map(([name, series]) => [
    name,
    name === 'vexil' ? '1' : times(ratioOf(series.lastMs, ofVexil)),
    spread(summarize(series.lastMs)),
    spread(summarize(series.firstMs)),
    spread(summarize(series.answeredMs)),
    spread(summarize(series.serverMs)),
    figure(summarize(series.clientMs).median),
    figure(summarize(series.bytesPerStream).median),
  ]);
  return table([heading, ...rows]);
}

function memoryTable(found: ReadonlyMap<string, Series<string>>): string {
  const heading = ['memory per idle stream', 'KB resident', 'KB accounted for'];
  const kib = (values: readonly number[] = []) => spread(summarize(values.map((bytes) => bytes / KIB)));
  const rows = [...found].map(([name, { resident, accounted }]) => [name, kib(resident), kib(accounted)]);
  return table([heading, ...rows]);
}
