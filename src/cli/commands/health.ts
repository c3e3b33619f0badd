import { get } from 'node:http';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { createPrinter } from '../printer.ts';
import type { OpenSession } from '../session.ts';
import type { GlobalOptions } from '../settings.ts';
import { UsageError } from '../usage-error.ts';

interface HealthFlags extends GlobalOptions {
  readonly live?: boolean;
  readonly timeout: string;
}

const LONGEST_ANSWER = 10_000;

/** For probes that can run a program, so it loads next to nothing: it has to answer fast on a machine that is busy. */
export function register(health: Command, _open: OpenSession, io: Io): void {
  health
    .description('Ask the service on this machine whether it takes calls. Exit code 1: it does not.')
    .option('--live', 'ask only whether it is alive')
    .option('--timeout <ms>', 'how long to wait for the answer', '3000')
    .action(async () => {
      const options = health.optsWithGlobals<HealthFlags>();
      const print = createPrinter(io, options);
      const url = new URL(options.live === true ? '/livez' : '/readyz', managementUrl(io.env));
      const { status, body } = await ask(url, millisecondsOf(options.timeout), io.signal);
      if (status !== 200) throw new Error(`${url} says ${status}: ${body.trim()}`);
      const state = options.live === true ? 'live' : 'ready';
      if (print.format === 'table') print.text(state);
      else await print.data({ [state]: true });
    });
}

/** Where the service listens for questions like this one, given the variables that it was started with. */
export function managementUrl(env: Io['env']): string {
  const host = env.VEXIL_MANAGEMENT_HOST || '127.0.0.1';
  const port = env.VEXIL_MANAGEMENT_PORT || '8014';
  if (!/^\d{1,5}$/.test(port) || Number(port) === 0)
    throw new UsageError(`VEXIL_MANAGEMENT_PORT is "${port}": nobody knows which port that is`);
  return `http://${reachable(host)}:${port}`;
}

/** A service that listens on every address listens on the loopback one as well. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function millisecondsOf(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`"${text}" is not a number of milliseconds`);
  return Number(text);
}

function ask(url: URL, timeoutMs: number, stop: AbortSignal): Promise<{ status: number; body: string }> {
  const late = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(new Error(`${url} ${late.aborted ? `does not answer within ${timeoutMs} ms` : error.message}`));
    const request = get(url, { agent: false, signal: AbortSignal.any([late, stop]) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, LONGEST_ANSWER);
      });
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', fail);
  });
}
