import { type NatsProcess, natsProcess } from '../../support/nats-server.ts';

/** The NATS server of a fleet, for whoever wants to end it, or hold it up. */
export interface FleetNats extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** As `kill -9` does. */
  kill(): Promise<void>;
  /** At the same address again. Nothing if it runs. */
  start(): Promise<void>;
  /** Half open: connections stay, and nobody answers. */
  pause(): void;
  resume(): void;
}

export async function startNats(program: string): Promise<FleetNats> {
  const process: NatsProcess = await natsProcess(program);
  let isUp = false;
  let isPaused = false;
  const resume = () => {
    if (isPaused) process.signal('SIGCONT');
    isPaused = false;
  };
  const start = async () => {
    if (isUp) return;
    await process.start();
    isUp = true;
  };
  await start();
  return {
    ...{ port: process.port, url: process.url, start, resume },
    async kill() {
      isUp = false;
      isPaused = false;
      await process.kill('SIGKILL');
    },
    pause() {
      isPaused = isUp;
      if (isUp) process.signal('SIGSTOP');
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}
