import { describe, expect, it } from 'vitest';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../../../src/app/decisions.ts';
import { Inflow } from '../../../src/rpc/hot/inflow.ts';
import { hotStreams } from '../../../src/rpc/hot/streams.ts';
import { envelope } from '../raw-call.ts';

const MESSAGE = envelope(Buffer.from('message'));

function inflow() {
  const taken: string[] = [];
  const each = { hold: false };
  const flow: Inflow = new Inflow(1_000, (message) => {
    taken.push(Buffer.from(message).toString());
    if (each.hold) flow.hold();
  });
  return { flow, taken, each };
}

describe('what arrives on a stream', () => {
  it('is taken message by message, however it is cut', () => {
    const { flow, taken } = inflow();
    for (const byte of Buffer.concat([MESSAGE, MESSAGE])) flow.take(Buffer.of(byte));
    expect(taken).toEqual(['message', 'message']);
    expect(flow.isPending).toBe(false);
  });

  it('waits while it is held, in the middle of a chunk too, and goes on in order', () => {
    const { flow, taken, each } = inflow();
    each.hold = true;
    const two = Buffer.concat([MESSAGE, envelope(Buffer.from('second'))]);
    flow.take(two);
    flow.take(envelope(Buffer.from('third')));
    expect(taken).toEqual(['message']);
    expect(flow.isPending).toBe(true);
    flow.release();
    expect(taken).toEqual(['message', 'second']);
    each.hold = false;
    flow.release();
    expect(taken).toEqual(['message', 'second', 'third']);
    expect(flow.isPending).toBe(false);
  });

  it('is refused when it is compressed, or ends in the middle', () => {
    expect(() => inflow().flow.take(envelope(Buffer.from('x'), { flags: 1 }))).toThrow('compressed');
    const { flow } = inflow();
    flow.take(MESSAGE.subarray(0, 7));
    expect(() => flow.end()).toThrow('in the middle');
  });
});

it('the streaming methods with a path of their own are those of the service', () => {
  const paths = Object.values(EvaluationService.method)
    .filter(({ methodKind }) => methodKind !== 'unary')
    .map(({ parent, name }) => `/${parent.typeName}/${name}`);
  expect(
    hotStreams({ contextLimits: DEFAULT_CONTEXT_LIMITS } as Parameters<typeof hotStreams>[0])
      .map(({ path }) => path)
      .sort(),
  ).toEqual(paths.sort());
});
