import type { HttpHandler, HttpRequest, HttpResponse } from './listen.ts';
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
  const pages = new Map<string, (response: HttpResponse) => void>([
    ['/livez', (response) => answer(response, 200, PLAIN, 'ok\n')],
    ['/healthz', (response) => answer(response, 200, PLAIN, 'ok\n')],
    ['/readyz', (response) => answerReadiness(response, options)],
    ['/metrics', (response) => answerMetrics(response, options.metrics)],
  ]);
  return (request, response) => {
    const page = pages.get(pathOf(request));
    if (page === undefined && options.rpc !== undefined) options.rpc(request, response);
    else if (page === undefined) answer(response, 404, PLAIN, 'not found\n');
    else if (request.method !== 'GET' && request.method !== 'HEAD')
      answer(response, 405, PLAIN, 'GET only\n');
    else page(response);
  };
}

function pathOf(request: HttpRequest): string {
  return request.url?.split('?', 1)[0] ?? '';
}

function answerReadiness(response: HttpResponse, { readiness, state }: ManagementOptions): void {
  const ready = readiness.ready();
  const body = JSON.stringify({ ready, reasons: readiness.reasons(), ...state?.() });
  answer(response, ready ? 200 : 503, 'application/json', `${body}\n`);
}

function answerMetrics(response: HttpResponse, metrics: () => Promise<string>): void {
  metrics().then(
    (text) => answer(response, 200, 'text/plain; version=0.0.4; charset=utf-8', text),
    () => answer(response, 500, PLAIN, 'the metrics cannot be read\n'),
  );
}

function answer(response: HttpResponse, status: number, contentType: string, body: string): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-store');
  response.end(body);
}
