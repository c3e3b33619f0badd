import { describe, expect, it } from 'vitest';
import { exponentOf } from '../../bench/curves/slope.ts';
import { atLeast, atMost } from '../../bench/lib/part.ts';
import { curvePlots, targetBars } from '../../bench/lib/plots.ts';
import { inTurn, ratioOf } from '../../bench/lib/rounds.ts';
import { svgDocument } from '../../bench/lib/svg.ts';
import { EnvelopeCounter, toEnvelope } from '../../bench/load/envelopes.ts';

describe('the figures of the benchmark', () => {
  it('take turns, and compare what was measured in the same round', async () => {
    const order: string[] = [];
    const entry = (name: string, values: number[]) => ({
      name,
      measure: async () => {
        order.push(name);
        return { ms: values.shift() ?? Number.NaN };
      },
    });
    const found = await inTurn([entry('a', [10, 20, 30]), entry('b', [1, 4, 5])], 3);
    expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect(ratioOf(found.get('a')?.ms ?? [], found.get('b')?.ms ?? [])).toEqual({
      median: 6,
      min: 5,
      max: 10,
    });
  });

  it('find the exponent that a curve grows with', () => {
    const points = [1, 10, 100].map((size) => ({ size, value: 3 * size ** 2 }));
    expect(exponentOf(points)).toBeCloseTo(2);
    expect(exponentOf(points.map(({ size }) => ({ size, value: 7 })))).toBeCloseTo(0);
  });

  it('meet a target exactly at its bound', () => {
    expect(atLeast('speed', 2, 2).isMet).toBe(true);
    expect(atLeast('speed', 2, 1.99).isMet).toBe(false);
    expect(atMost('memory', 8, 8, 'KB').isMet).toBe(true);
    expect(atMost('memory', 8, 8.1, 'KB').isMet).toBe(false);
    expect(atLeast('speed', 2, Number.NaN).isMet).toBe(false);
    expect(atMost('memory', 8, Number.NaN, 'KB').isMet).toBe(false);
  });

  it('count messages however they are cut, and refuse compressed ones', () => {
    const stream = Buffer.concat([
      toEnvelope(Buffer.alloc(300, 1)),
      toEnvelope(Buffer.alloc(0)),
      toEnvelope(Buffer.from('x')),
    ]);
    for (const size of [1, 2, 5, 7, 306, 400]) {
      const counter = new EnvelopeCounter();
      let messages = 0;
      for (let at = 0; at < stream.length; at += size)
        messages += counter.count(stream, at, Math.min(at + size, stream.length));
      expect(messages).toBe(3);
    }
    expect(() => new EnvelopeCounter().count(Buffer.from([1, 0, 0, 0, 0]), 0, 5)).toThrow('compresses');
  });

  it('are drawn within the drawing, and escaped', () => {
    const checks = [atLeast('a & b', 2, 5), atMost('<memory>', 8, 16, 'KB'), atLeast('far beyond', 1, 1e9)];
    const bars = targetBars(checks);
    const document = svgDocument(bars);
    expect(document).toContain('a &amp; b');
    expect(document).toContain('&lt;memory&gt;');
    for (const [, x, width] of document.matchAll(/<rect x="([0-9.-]+)".*?width="([0-9.]+)"/g)) {
      expect(Number(x)).toBeGreaterThan(0);
      expect(Number(x) + Number(width)).toBeLessThan(bars.width);
    }
    const curve = {
      title: 'flags',
      unit: 'ns',
      points: [10, 1000].map((size) => ({ size, value: size / 4 })),
    };
    expect(svgDocument(curvePlots([curve]))).not.toContain('NaN');
  });
});
