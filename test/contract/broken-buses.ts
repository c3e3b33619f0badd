import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import type { ChangeBus, ChangeNotice } from '../../src/ports/change-bus.ts';
import type { SeededBug } from './contract.ts';

type Listener = (notice: ChangeNotice) => void;

/** Alters what subscribers get; undefined is nothing. */
function delivering(bus: ChangeBus, alter: (notice: ChangeNotice) => ChangeNotice): ChangeBus {
  return { ...bus, subscribe: (listener) => bus.subscribe((notice) => listener(alter(notice))) };
}

/** Keeps listeners itself, in what may be a list or a set, and tells them by `tell`. */
function keeping(
  bus: ChangeBus,
  tell: (listeners: readonly Listener[], notice: ChangeNotice) => void,
): ChangeBus {
  const listeners: { readonly listener: Listener }[] = [];
  bus.subscribe((notice) =>
    tell(
      listeners.map(({ listener }) => listener),
      notice,
    ),
  );
  return {
    ...bus,
    subscribe(listener) {
      const entry = { listener };
      listeners.push(entry);
      return {
        [Symbol.dispose]: () =>
          void listeners.splice(0, Infinity, ...listeners.filter((other) => other !== entry)),
      };
    },
  };
}

/** Each with one mistake. */
export const brokenBuses: readonly SeededBug<ChangeBus>[] = [
  {
    bug: 'has room for one subscriber',
    foundBy: 'hands a notice to every current subscriber, the one of the publisher included',
    wrap(bus) {
      let current: Disposable | undefined;
      return {
        ...bus,
        subscribe(listener) {
          current?.[Symbol.dispose]();
          current = bus.subscribe(listener);
          return current;
        },
      };
    },
  },
  {
    bug: 'reaches its own subscribers only',
    foundBy: 'hands a notice to the subscribers of every other handle',
    wrap: () => createInProcessHub().connect(),
  },
  {
    bug: 'leaves the change out',
    foundBy: 'hands a notice on as it is, to the last code point, with its change',
    wrap: (bus) => delivering(bus, ({ project, revision, hash }) => ({ project, revision, hash })),
  },
  {
    bug: 'normalises text',
    foundBy: 'hands a notice on as it is, to the last code point, with its change',
    wrap: (bus) => delivering(bus, (notice) => JSON.parse(JSON.stringify(notice).normalize('NFC'))),
  },
  {
    bug: 'lets one subscriber that throws starve the others',
    foundBy:
      'does not let a subscriber that throws keep a notice from the others, nor a later one from itself',
    wrap: (bus) =>
      keeping(bus, (listeners, notice) => {
        for (const listener of listeners) listener(notice);
      }),
  },
  {
    bug: 'drops a subscriber that throws',
    foundBy:
      'does not let a subscriber that throws keep a notice from the others, nor a later one from itself',
    wrap: (bus) => ({
      ...bus,
      subscribe(listener) {
        const handle = bus.subscribe((notice) => {
          try {
            listener(notice);
          } catch {
            handle[Symbol.dispose]();
          }
        });
        return handle;
      },
    }),
  },
  {
    bug: 'calls subscribers while it publishes',
    foundBy: 'does not wait for subscribers when it publishes',
    wrap(bus) {
      const listeners = new Set<Listener>();
      return {
        ...bus,
        publish(notice) {
          for (const listener of listeners) listener(notice);
        },
        subscribe(listener) {
          listeners.add(listener);
          return { [Symbol.dispose]: () => void listeners.delete(listener) };
        },
      };
    },
  },
  {
    bug: 'repeats the last notice to a new subscriber',
    foundBy: 'calls a listener for notices published after it subscribed, and no earlier ones',
    wrap(bus) {
      let last: ChangeNotice | undefined;
      return {
        ...bus,
        publish(notice) {
          if (notice.project !== 'probe') last = notice;
          bus.publish(notice);
        },
        subscribe(listener) {
          if (last !== undefined) listener(last);
          return bus.subscribe(listener);
        },
      };
    },
  },
  {
    bug: 'calls a listener whose handle was disposed',
    foundBy: 'stops calling a listener once its handle is disposed, even by a listener',
    wrap: (bus) => ({
      ...bus,
      subscribe(listener) {
        bus.subscribe(listener);
        return { [Symbol.dispose]() {} };
      },
    }),
  },
  {
    bug: 'takes two subscriptions of one function for one',
    foundBy: 'keeps subscriptions of one function apart',
    wrap(bus) {
      const handles = new Map<Listener, Disposable>();
      return {
        ...bus,
        subscribe(listener) {
          const handle = handles.get(listener) ?? bus.subscribe(listener);
          handles.set(listener, handle);
          return handle;
        },
      };
    },
  },
  {
    bug: 'drops what is published by a listener',
    foundBy: 'lets a listener publish and subscribe',
    wrap(bus) {
      let delivering = false;
      return {
        ...bus,
        publish(notice) {
          if (!delivering) bus.publish(notice);
        },
        subscribe: (listener) =>
          bus.subscribe((notice) => {
            delivering = true;
            listener(notice);
            delivering = false;
          }),
      };
    },
  },
  {
    bug: 'calls itself connected once it is disposed',
    foundBy: 'is connected while notices arrive, and reaches nobody once it is disposed',
    wrap: (bus) => ({ ...bus, connected: () => true }),
  },
  {
    bug: 'reaches subscribers once it is disposed',
    foundBy: 'is connected while notices arrive, and reaches nobody once it is disposed',
    wrap: (bus) => {
      let open = true;
      return {
        ...bus,
        connected: () => open,
        async [Symbol.asyncDispose]() {
          open = false;
        },
      };
    },
  },
  {
    bug: 'calls itself connected while it is cut off',
    foundBy: 'is not connected while it is cut off, and reaches its own subscribers only, then and later',
    wrap: (bus) => ({ ...bus, connected: () => true }),
  },
  {
    bug: 'drops its own notices while it is cut off',
    foundBy: 'is not connected while it is cut off, and reaches its own subscribers only, then and later',
    wrap: (bus) => ({
      ...bus,
      publish(notice) {
        if (bus.connected()) bus.publish(notice);
      },
    }),
  },
  {
    bug: 'keeps for later what is published while it is cut off',
    foundBy: 'is not connected while it is cut off, and reaches its own subscribers only, then and later',
    wrap(bus) {
      const kept: ChangeNotice[] = [];
      bus.onConnected(() => {
        for (const notice of kept.splice(0)) bus.publish(notice);
      });
      return {
        ...bus,
        publish(notice) {
          if (!bus.connected()) kept.push(notice);
          bus.publish(notice);
        },
      };
    },
  },
  {
    bug: 'never says that it is connected again',
    foundBy: 'says each time that it is connected again, and hands on every notice from then on',
    wrap: (bus) => ({ ...bus, onConnected: () => ({ [Symbol.dispose]() {} }) }),
  },
  {
    bug: 'says it to whoever does not want to hear it any more',
    foundBy: 'says each time that it is connected again, and hands on every notice from then on',
    wrap: (bus) => ({
      ...bus,
      onConnected(listener) {
        bus.onConnected(listener);
        return { [Symbol.dispose]() {} };
      },
    }),
  },
  {
    bug: 'says it once',
    foundBy: 'says each time that it is connected again, and hands on every notice from then on',
    wrap: (bus) => ({
      ...bus,
      onConnected(listener) {
        const handle = bus.onConnected(() => {
          handle[Symbol.dispose]();
          listener();
        });
        return handle;
      },
    }),
  },
];
