import type { BenchFlag } from '../evaluator/scenario.ts';
import { knowsVariable } from './checkout.ts';
import { startPeer } from './peer.ts';
import type { Service } from './service.ts';
import { startVexil, type VexilService } from './vexil.ts';

/** Servers with the same flags, Vexil first. Disposing of them ends them all. */
export interface Contenders extends AsyncDisposable {
  readonly vexil: VexilService;
  readonly services: readonly Service[];
}

export type ContenderName = 'vexil, slow path' | 'grpc-js' | 'connect-node' | 'connect-node, HTTP/1.1';

/** Starts Vexil and these beside it; the slow path only where it can be asked for. */
export async function startContenders(
  root: string,
  flags: readonly BenchFlag[],
  names: readonly ContenderName[],
): Promise<Contenders> {
  await using stack = new AsyncDisposableStack();
  const vexil = stack.use(await startVexil(flags, { root }));
  const services: Service[] = [vexil];
  for (const name of names) {
    if (name === 'vexil, slow path' && !knowsVariable(root, 'VEXIL_FAST_PATH')) continue;
    services.push(stack.use(await start(name, root, flags, vexil)));
  }
  const all = stack.move();
  return { vexil, services, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

function start(
  name: ContenderName,
  root: string,
  flags: readonly BenchFlag[],
  { definitions }: VexilService,
): Promise<Service> {
  switch (name) {
    case 'vexil, slow path':
      return startVexil(flags, { root, name, env: { VEXIL_FAST_PATH: 'off' } });
    case 'grpc-js':
      return startPeer(name, 'grpc-js', definitions);
    case 'connect-node':
      return startPeer(name, 'connect-node', definitions);
    case 'connect-node, HTTP/1.1':
      return startPeer(name, 'connect-node', definitions, ['http1']);
  }
}
