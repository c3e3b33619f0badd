import { Recorder } from '../../../src/app/exposures/recorder.ts';
import type { ExposureQueue } from '../../../src/ports/exposure-queue.ts';
import type { RecordedPlace } from '../../../src/ports/exposure-store.ts';
import { openRecording } from '../../app/exposures/recording.ts';
import { checkout } from '../../app/manage/shop.ts';
import type { RecordedRun } from './exposure-history.ts';
import { type Life, type SimWorld, unsteadily } from './sim-world.ts';

/** Where the snapshot of the recorder's own tests is of. */
const { snapshot, outcome, recorder: unused } = openRecording();
await unused[Symbol.asyncDispose]();
export const PLACE: RecordedPlace = { project: snapshot().project, environment: snapshot().environment };
const FLAG = checkout.key;

/** The real recorder of a process that can be killed, between callers and a queue that loses questions and answers. */
export class SimRecorder {
  readonly name: string;
  readonly acknowledged: string[] = [];
  answered = 0;
  noted = 0;
  readonly #world: SimWorld;
  readonly #life: Life = { isOver: false };
  readonly #recorder: Recorder;
  #wasKilled = false;
  #subjects = 0;

  constructor(world: SimWorld, name: string) {
    this.name = name;
    this.#world = world;
    const { random, time } = world;
    this.#recorder = new Recorder({
      catalog: { known: () => undefined },
      queue: this.#unsteadyQueue(),
      clock: time.clock(() => !this.#life.isOver),
      ...{ process: name, pepper: 'pepper', maxBytes: 8_000 },
      note: { note: (accepted) => this.#note(accepted) },
      report: () => undefined,
      random: () => random.whole(1_000) / 1_000,
    });
  }

  #note(accepted: number): void {
    if (!this.#life.isOver) this.noted = accepted;
  }

  #unsteadyQueue(): ExposureQueue {
    const { queue, weather } = this.#world;
    return {
      ...{ take: () => Promise.resolve([]), state: () => queue.state(), connected: () => true },
      publish: (parcel) =>
        unsteadily(this.#world, this.#life, weather.queueFails, () => queue.publish(parcel)),
      onConnected: () => ({ [Symbol.dispose]: () => undefined }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** Answers so many calls, and takes a report of a few more. */
  work(calls: number): void {
    for (let call = 0; call < calls; call++) {
      const context = { targetingKey: this.#subject(), attributes: {} };
      const now = this.#world.time.clock().now();
      this.#recorder.one('call', snapshot(), outcome(FLAG, context), context, now);
      this.answered++;
    }
    if (calls % 3 === 0) this.#report(1 + (calls % 4));
  }

  #report(count: number): void {
    const subjects = Array.from({ length: count }, () => this.#subject());
    const time = this.#world.time.clock().now();
    const evaluations = subjects.map((subject) => ({
      ...{ time, flag: FLAG, flagVersion: 1, revision: 1, variation: 'on', reason: 'DEFAULT' as const },
      ...{ ruleId: '', subject, source: 'reported' as const, client: '', count: 1, weight: 1 },
    }));
    this.#recorder.reported({ place: PLACE, evaluations, events: [] }).then(
      () => void (this.#life.isOver || this.acknowledged.push(...subjects)),
      () => undefined,
    );
  }

  #subject(): string {
    return `${this.name}-${++this.#subjects}`;
  }

  kill(): void {
    this.#wasKilled = true;
    this.#life.isOver = true;
  }

  async stop(): Promise<void> {
    await this.#recorder.stop(30_000);
  }

  run(): RecordedRun {
    const { accepted } = this.#recorder;
    return { process: this.name, accepted, ...(this.#wasKilled && { killedAt: this.noted }) };
  }
}
