import type { Profiler } from 'node:inspector';

/** The part of the busy time that a function takes by itself, what it calls not included. */
export interface ProfileLine {
  readonly name: string;
  /** File and line; empty for what is not JavaScript. */
  readonly where: string;
  /** 0 to 1. */
  readonly share: number;
}

const NOT_BUSY = new Set(['(idle)', '(root)']);

/** Nor is the profiler itself. */
function isNotBusy({ functionName, url }: Profiler.ProfileNode['callFrame']): boolean {
  return NOT_BUSY.has(functionName) || url === 'node:inspector';
}

/** Functions by their own time, the most expensive first. Waiting does not count. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): ProfileLine[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, { name: string; where: string; us: number }>();
  let busyUs = 0;
  samples.forEach((id, at) => {
    const node = byId.get(id);
    const us = timeDeltas[at] ?? 0;
    if (node === undefined || isNotBusy(node.callFrame)) return;
    const { functionName, url, lineNumber } = node.callFrame;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const where = url === '' ? '' : `${shortened(url)}:${lineNumber + 1}`;
    const line = times.get(`${name} ${where}`) ?? { name, where, us: 0 };
    times.set(`${name} ${where}`, line);
    line.us += us;
    busyUs += us;
  });
  return [...times.values()]
    .sort((a, b) => b.us - a.us)
    .map(({ name, where, us }) => ({ name, where, share: us / busyUs }));
}

function shortened(url: string): string {
  return url.replace(/^.*\/node_modules\//, '').replace(/^.*\/(src|gen)\//, '$1/');
}
