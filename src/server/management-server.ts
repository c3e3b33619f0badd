import { type HttpHandler, type HttpResponse, page, pathOf } from '../rpc/http-exchange.ts';
import type { Readiness } from './readiness.ts';

export interface ManagementOptions {
  readonly readiness: Pick<Readiness, 'ready' | 'reasons'>;
  /** The body of /metrics. */
  readonly metrics: () => Promise<string>;
  /** What else /readyz tells. Numbers only: it is told to anybody. */
  readonly state?: () => Readonly<Record<string, number>>;
  /** Gets every other path. Default: 404. */
  readonly rpc?: HttpHandler;
}

const PLAIN = 'text/plain; charset=utf-8';

/**
 * What the machines around this one ask: /livez (also /healthz) answers as long as the event loop turns, /readyz says
 * whether to send calls and, with 503, why not, /metrics is for Prometheus.
 */
export function createManagementHandler(options: ManagementOptions): HttpHandler {
  const pages = new Map<string, () => HttpResponse | Promise<HttpResponse>>([
    ['/livez', () => answer(200, PLAIN, 'ok\n')],
    ['/healthz', () => answer(200, PLAIN, 'ok\n')],
    ['/readyz', () => answerReadiness(options)],
    ['/metrics', () => answerMetrics(options.metrics)],
  ]);
  return (request) => {
    const found = pages.get(pathOf(request));
    if (found === undefined) return options.rpc?.(request) ?? answer(404, PLAIN, 'not found\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, PLAIN, 'GET only\n');
    return found();
  };
}

function answerReadiness({ readiness, state }: ManagementOptions): HttpResponse {
  const ready = readiness.ready();
  const body = JSON.stringify({ ready, reasons: readiness.reasons(), ...state?.() });
  return answer(ready ? 200 : 503, 'application/json', `${body}\n`);
}

async function answerMetrics(metrics: () => Promise<string>): Promise<HttpResponse> {
  try {
    return answer(200, 'text/plain; version=0.0.4; charset=utf-8', await metrics());
  } catch {
    return answer(500, PLAIN, 'the metrics cannot be read\n');
  }
}

function answer(status: number, contentType: string, body: string): HttpResponse {
  return page(status, { 'content-type': contentType, 'cache-control': 'no-store' }, body);
}
