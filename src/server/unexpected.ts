import type { LogUnexpected } from '../rpc/errors.ts';
import type { Logger } from './logger.ts';

/** Writes down what no code foresaw, with the trace of the call if it has one: the caller is told nothing of it. */
export function logsUnexpected(log: Pick<Logger, 'error'>): LogUnexpected {
  return (error, method, traceId) =>
    log.error({ err: error, method, trace_id: traceId }, 'a call failed unexpectedly');
}
