import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricOf } from '../../support/metrics.ts';
import { type ServerProcess, startServer } from '../../support/server-process.ts';
import { WRITE_FAILPOINTS, type WriteFailpoint } from '../mutants/exposure-failpoints.ts';
import type { RecordedRun } from './exposure-history.ts';

const FAILPOINTS = new URL('../mutants/exposure-failpoints.ts', import.meta.url);

/** One process that records, writes, or both, and every run that it had. */
export class ExposureParty implements AsyncDisposable {
  readonly dataDir: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #failpointDir: string;
  readonly #ended: RecordedRun[] = [];
  #server: ServerProcess | undefined;
  /** What the service calls its run. */
  #process = '';

  /** `imports` are modules that the process loads before all else. One that writes can be killed while it does. */
  constructor(
    dataDir: string,
    roles: string,
    env: Readonly<Record<string, string>>,
    imports: readonly string[] = [],
  ) {
    this.dataDir = dataDir;
    this.#failpointDir = join(dataDir, 'failpoints');
    mkdirSync(this.#failpointDir, { recursive: true });
    const places = `${FAILPOINTS.href}?${encodeURIComponent(this.#failpointDir)}`;
    const modules = [...(roles.includes('write') ? [places] : []), ...imports];
    this.#env = {
      ...env,
      VEXIL_ROLES: roles,
      NODE_OPTIONS: modules.map((url) => `--import ${url}`).join(' '),
    };
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error('it was never started');
    return this.#server;
  }

  async start(): Promise<void> {
    const before = this.#notes();
    if (this.#server === undefined)
      this.#server = await startServer({ dataDir: this.dataDir, env: this.#env });
    else await this.#server.restart();
    [this.#process = ''] = this.#notes().filter((name) => !before.includes(name));
  }

  /** As `kill -9` does. It is over. */
  async kill(): Promise<void> {
    await this.server.kill('SIGKILL');
    this.#bury();
  }

  async killAndStart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Has it killed where it gets to next, and starts it again. */
  async killAt(place: WriteFailpoint): Promise<void> {
    this.arm(place);
    while (!(await this.revived())) await new Promise((resume) => setTimeout(resume, 5));
  }

  /** Has it killed where it gets to next, unless it is disarmed before. */
  arm(place: WriteFailpoint): void {
    writeFileSync(join(this.#failpointDir, place), 'kill');
  }

  /** Starts it again if it was killed, and says whether. */
  async revived(): Promise<boolean> {
    if (isRunning(this.server.pid)) return false;
    await this.killAndStart();
    return true;
  }

  disarm(): void {
    for (const place of WRITE_FAILPOINTS) rmSync(join(this.#failpointDir, place), { force: true });
  }

  pause(): void {
    process.kill(this.server.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.server.pid, 'SIGCONT');
  }

  metric(name: string): Promise<number> {
    return metricOf(this.server.managementUrl, name);
  }

  /** Bytes of memory that it has, as the system counts. */
  residentBytes(): number {
    const [, kib = '0'] =
      /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.server.pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1_024;
  }

  /** Those that are over, and the one that goes on. */
  async runs(): Promise<readonly RecordedRun[]> {
    const accepted = await this.metric('vexil_exposures_accepted_total');
    return [...this.#ended, { process: this.#process, accepted }];
  }

  /** Whether those that were killed are in the books. */
  isSettled(): boolean {
    const left = this.#notes();
    return this.#ended.every(({ process: name }) => !left.includes(name));
  }

  #bury(): void {
    const note = join(this.dataDir, 'accepted', this.#process);
    const [digits = '0'] = readFileSync(note, 'utf8').split(' ');
    this.#ended.push({ process: this.#process, killedAt: Number(digits) });
  }

  #notes(): string[] {
    const folder = join(this.dataDir, 'accepted');
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}

/** A process that was killed and not waited for yet is none. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
