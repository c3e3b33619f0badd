import { expect, vi } from 'vitest';
import type { ChangeBus, ChangeNotice } from '../../src/ports/change-bus.ts';
import { type Check, declareContract, type Store } from './contract.ts';
import { CONFUSABLE, changeAfter, flagObject } from './samples.ts';

/** Where buses of one fleet are made, and what is between them. */
export interface BusStore extends Store<ChangeBus> {
  /** Keeps all that are open from hearing of each other until the handle is disposed. */
  cut(): Promise<AsyncDisposable>;
}

/** How long a notice may take from one end of a connected bus to the other. */
const PATIENCE_MS = 3_000;

function notice(revision: number, project = 'shop'): ChangeNotice {
  return { project, revision, hash: `hash-${revision}` };
}

async function eventually(claim: () => void): Promise<void> {
  await vi.waitFor(claim, { timeout: PATIENCE_MS, interval: 5 });
}

/** Gathers the notices of a subscription. */
function listen(bus: ChangeBus): { readonly heard: ChangeNotice[] } & Disposable {
  const heard: ChangeNotice[] = [];
  const handle = bus.subscribe((received) => void heard.push(received));
  return { heard, [Symbol.dispose]: () => handle[Symbol.dispose]() };
}

/** Waits until what each of these publishes arrives at `bus`: a bus may need a moment to hear of subscriptions. */
async function settled(bus: ChangeBus, ...publishers: readonly ChangeBus[]): Promise<void> {
  using probe = listen(bus);
  for (const [index, publisher] of publishers.entries()) {
    await vi.waitFor(
      () => {
        publisher.publish(notice(index, 'probe'));
        expect(probe.heard).toContainEqual(notice(index, 'probe'));
      },
      { timeout: PATIENCE_MS, interval: 20 },
    );
  }
}

const ofShop = (heard: readonly ChangeNotice[]) => heard.filter(({ project }) => project !== 'probe');

/** What the port `ChangeBus` demands of every adapter. `open` gives replicas: what one publishes, all get. */
export const changeBusChecks: readonly Check<BusStore>[] = [
  {
    title: 'hands a notice to every current subscriber, the one of the publisher included',
    async run(store) {
      await using bus = await store.open();
      using first = listen(bus);
      using second = listen(bus);
      await settled(bus, bus);
      for (const revision of [1, 2, 3]) bus.publish(notice(revision));
      for (const { heard } of [first, second])
        await eventually(() => expect(ofShop(heard)).toEqual([1, 2, 3].map((revision) => notice(revision))));
    },
  },
  {
    title: 'hands a notice to the subscribers of every other handle',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      using first = listen(one);
      using second = listen(other);
      await settled(one, one, other);
      await settled(other, one, other);
      one.publish(notice(1));
      other.publish(notice(2));
      for (const { heard } of [first, second])
        await eventually(() =>
          expect(ofShop(heard).toSorted((a, b) => a.revision - b.revision)).toEqual([notice(1), notice(2)]),
        );
    },
  },
  {
    title: 'hands a notice on as it is, to the last code point, with its change',
    async run(store) {
      await using bus = await store.open();
      using subscriber = listen(bus);
      await settled(bus, bus);
      const sent = CONFUSABLE.map((project, index) => ({
        ...notice(index + 1, project),
        change: changeAfter(project, undefined, {
          reason: '\u{1f600}\u2028\uffff',
          operations: [{ op: 'put', object: flagObject(project, { [project]: [project, null, 0.1, 1e21] }) }],
        }),
      }));
      for (const each of sent) bus.publish(each);
      await eventually(() => expect(ofShop(subscriber.heard)).toEqual(sent));
    },
  },
  {
    title: 'does not let a subscriber that throws keep a notice from the others, nor a later one from itself',
    async run(store) {
      await using bus = await store.open();
      using before = listen(bus);
      let thrown = 0;
      const thrower = () => {
        thrown++;
        throw new Error('a subscriber failed');
      };
      using _handle = bus.subscribe(thrower);
      using after = listen(bus);
      await settled(bus, bus);
      thrown = 0;
      expect(() => bus.publish(notice(1))).not.toThrow();
      expect(() => bus.publish(notice(2))).not.toThrow();
      for (const { heard } of [before, after])
        await eventually(() => expect(ofShop(heard)).toEqual([notice(1), notice(2)]));
      await eventually(() => expect(thrown).toBe(2));
    },
  },
  {
    title: 'does not wait for subscribers when it publishes',
    async run(store) {
      await using bus = await store.open();
      let inPublish = false;
      const duringPublish: boolean[] = [];
      using _handle = bus.subscribe(() => void duringPublish.push(inPublish));
      await settled(bus, bus);
      duringPublish.length = 0;
      inPublish = true;
      bus.publish(notice(1));
      inPublish = false;
      await eventually(() => expect(duringPublish).toEqual([false]));
    },
  },
  {
    title: 'calls a listener for notices published after it subscribed, and no earlier ones',
    async run(store) {
      await using bus = await store.open();
      using early = listen(bus);
      await settled(bus, bus);
      bus.publish(notice(1));
      await eventually(() => expect(ofShop(early.heard)).toEqual([notice(1)]));
      using late = listen(bus);
      await settled(bus, bus);
      bus.publish(notice(2));
      await eventually(() => expect(ofShop(late.heard)).toEqual([notice(2)]));
    },
  },
  {
    title: 'stops calling a listener once its handle is disposed, even by a listener',
    async run(store) {
      await using bus = await store.open();
      const gone = listen(bus);
      const once: ChangeNotice[] = [];
      const handle = bus.subscribe((received) => {
        if (received.project === 'probe') return;
        once.push(received);
        handle[Symbol.dispose]();
      });
      using kept = listen(bus);
      await settled(bus, bus);
      bus.publish(notice(1));
      await eventually(() => expect(ofShop(kept.heard)).toHaveLength(1));
      gone[Symbol.dispose]();
      bus.publish(notice(2));
      bus.publish(notice(3));
      await eventually(() => expect(ofShop(kept.heard)).toHaveLength(3));
      expect(ofShop(gone.heard)).toEqual([notice(1)]);
      expect(once).toEqual([notice(1)]);
    },
  },
  {
    title: 'keeps subscriptions of one function apart',
    async run(store) {
      await using bus = await store.open();
      const heard: ChangeNotice[] = [];
      const listener = (received: ChangeNotice) => void heard.push(received);
      const first = bus.subscribe(listener);
      using _second = bus.subscribe(listener);
      await settled(bus, bus);
      bus.publish(notice(1));
      await eventually(() => expect(ofShop(heard)).toEqual([notice(1), notice(1)]));
      first[Symbol.dispose]();
      first[Symbol.dispose]();
      bus.publish(notice(2));
      await eventually(() => expect(ofShop(heard)).toEqual([notice(1), notice(1), notice(2)]));
    },
  },
  {
    title: 'lets a listener publish and subscribe',
    async run(store) {
      await using bus = await store.open();
      const inner: ChangeNotice[] = [];
      using _outer = bus.subscribe((received) => {
        if (received.project === 'probe' || received.revision > 1) return;
        bus.subscribe((later) => void inner.push(later));
        bus.publish(notice(2));
      });
      using kept = listen(bus);
      await settled(bus, bus);
      bus.publish(notice(1));
      await eventually(() => expect(ofShop(kept.heard)).toEqual([notice(1), notice(2)]));
      await settled(bus, bus);
      bus.publish(notice(3));
      await eventually(() => expect(ofShop(inner)).toContainEqual(notice(3)));
    },
  },
  {
    title: 'is connected while notices arrive, and reaches nobody once it is disposed',
    async run(store) {
      await using kept = await store.open();
      using witness = listen(kept);
      const bus = await store.open();
      using subscriber = listen(bus);
      await settled(bus, bus);
      expect(bus.connected()).toBe(true);
      await bus[Symbol.asyncDispose]();
      const before = ofShop(subscriber.heard).length;
      expect(bus.connected()).toBe(false);
      expect(() => bus.publish(notice(1))).not.toThrow();
      expect(() => bus.subscribe(() => {})[Symbol.dispose]()).not.toThrow();
      await settled(kept, kept);
      kept.publish(notice(2));
      await eventually(() => expect(ofShop(witness.heard)).toEqual([notice(2)]));
      expect(ofShop(subscriber.heard)).toHaveLength(before);
    },
  },
  {
    title: 'is not connected while it is cut off, and reaches its own subscribers only, then and later',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      using first = listen(one);
      using second = listen(other);
      await settled(one, one, other);
      await settled(other, one, other);
      const cut = await store.cut();
      for (const bus of [one, other]) await eventually(() => expect(bus.connected()).toBe(false));
      expect(() => one.publish(notice(1))).not.toThrow();
      await eventually(() => expect(ofShop(first.heard)).toEqual([notice(1)]));
      await cut[Symbol.asyncDispose]();
      await settled(other, one, other);
      one.publish(notice(2));
      for (const [{ heard }, revisions] of [
        [first, [1, 2]],
        [second, [2]],
      ] as const)
        await eventually(() => expect(ofShop(heard)).toEqual(revisions.map((revision) => notice(revision))));
    },
  },
  {
    title: 'says each time that it is connected again, and hands on every notice from then on',
    async run(store) {
      await using one = await store.open();
      await using other = await store.open();
      await settled(one, one, other);
      using subscriber = listen(one);
      const times: boolean[] = [];
      using _handle = one.onConnected(() => void times.push(one.connected()));
      let told = 0;
      one.onConnected(() => void told++)[Symbol.dispose]();
      for (const revision of [1, 2]) {
        const cut = await store.cut();
        await eventually(() => expect(one.connected()).toBe(false));
        expect(times).toHaveLength(revision - 1);
        await cut[Symbol.asyncDispose]();
        await eventually(() => expect([times.length, other.connected()]).toEqual([revision, true]));
        other.publish(notice(revision));
        await eventually(() => expect(ofShop(subscriber.heard)).toHaveLength(revision));
      }
      expect(times).toEqual([true, true]);
      expect(told).toBe(0);
    },
  },
];

/** Declares the suite for one adapter. */
export function declareChangeBusContract(name: string, createStore: () => Promise<BusStore>): void {
  declareContract(`${name} keeps the contract of the change bus`, changeBusChecks, createStore);
}
