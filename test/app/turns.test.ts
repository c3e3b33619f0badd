import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/app/turns.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** Who asks for a turn, and has got one so far. */
function queue(turns: Turns) {
  const entered: number[] = [];
  const handles = new Map<number, Disposable>();
  let asked = 0;
  return {
    entered,
    ask(count: number) {
      for (let index = 0; index < count; index++) {
        const number = asked++;
        void turns.take().then((handle) => {
          entered.push(number);
          handles.set(number, handle);
        });
      }
    },
    leave: (number: number) => handles.get(number)?.[Symbol.dispose](),
  };
}

const soon = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('turns', () => {
  it('let so many through, and the others in their order as places become free', async () => {
    const turns = new Turns(createFakeClock(), { limit: 2, holdMs: 1_000 });
    const { ask, entered, leave } = queue(turns);
    ask(5);
    await soon();
    expect(entered).toEqual([0, 1]);
    leave(1);
    leave(1);
    await soon();
    expect(entered).toEqual([0, 1, 2]);
    leave(0);
    leave(2);
    await soon();
    expect(entered).toEqual([0, 1, 2, 3, 4]);
    for (const number of [3, 4]) leave(number);
    await soon();
    ask(2);
    await soon();
    expect(entered).toHaveLength(7);
  });

  it('go on without whoever holds one for too long', async () => {
    const clock = createFakeClock();
    const turns = new Turns(clock, { limit: 1, holdMs: 1_000 });
    const { ask, entered } = queue(turns);
    ask(2);
    await soon();
    clock.advance(999);
    await soon();
    expect(entered).toEqual([0]);
    clock.advance(1);
    await soon();
    expect(entered).toEqual([0, 1]);
  });

  it('hold nobody up once they are over', async () => {
    const turns = new Turns(createFakeClock(), { limit: 1, holdMs: 1_000 });
    const { ask, entered } = queue(turns);
    ask(3);
    await soon();
    turns.open();
    ask(2);
    await soon();
    expect(entered.sort()).toEqual([0, 1, 2, 3, 4]);
  });
});
