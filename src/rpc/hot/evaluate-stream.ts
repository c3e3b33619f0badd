import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { keyInvalid } from '../../app/access.ts';
import type { Place } from '../../app/environment-access.ts';
import type { Principal } from '../../app/principal.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import { serviceStopping } from '../service-stopping.ts';
import type { StreamQuery } from '../wire/queries.ts';
import { type QueryReader, queryReaders } from '../wire/query-reader.ts';
import { StreamAnswers } from '../wire/stream-answers.ts';
import { placeOnStream } from './checked-query.ts';
import { evaluateStreamed } from './evaluate.ts';
import type { Outlet, StreamMethod, StreamTask } from './stream-method.ts';

/** EvaluateStream: what one read brought is answered in one write. */
export function evaluateStreamMethod(parts: EvaluationParts): StreamMethod {
  const method = EvaluationService.method.evaluateStream;
  // Requests in JSON do not come here.
  const read = queryReaders({ maxJsonDepth: 0, maxAttributes: parts.contextLimits.attributes });
  const taskParts = { ...parts, read: read.evaluateStream };
  return {
    method,
    path: `/${method.parent.typeName}/${method.name}`,
    open: (principal, outlet, count) => new EvaluateStreamTask(taskParts, principal, outlet, count),
  };
}

interface TaskParts extends EvaluationParts {
  readonly read: QueryReader<StreamQuery>;
}

class EvaluateStreamTask implements StreamTask {
  readonly #parts: TaskParts;
  readonly #principal: Principal;
  readonly #outlet: Outlet;
  readonly #count: () => void;
  readonly #answers = new StreamAnswers('proto');
  readonly #key: Disposable;
  #place: Place | undefined;

  constructor(parts: TaskParts, principal: Principal, outlet: Outlet, count: () => void) {
    this.#parts = parts;
    this.#principal = principal;
    this.#outlet = outlet;
    this.#count = count;
    const { ending } = parts.watch;
    if (ending.aborted) throw serviceStopping();
    this.#key = parts.access.onInvalid(principal, () => outlet.end(keyInvalid()));
    ending.addEventListener('abort', this.#stop, { once: true });
  }

  get pendingBytes(): number {
    return this.#answers.length;
  }

  message(bytes: Uint8Array): void {
    const query = this.#parts.read(bytes, 'proto');
    this.#count();
    this.#place = placeOnStream(this.#principal, query.environment, this.#place);
    const { outcome, revision } = evaluateStreamed(this.#parts, this.#principal, this.#place, query);
    this.#answers.add(query, outcome, revision);
  }

  flush(): void {
    if (this.#answers.length > 0) this.#outlet.write(this.#answers.take());
  }

  end(): void {
    this.#outlet.end();
  }

  drained(): void {
    // The reader was held meanwhile, so nothing waits here.
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
    this.#parts.watch.ending.removeEventListener('abort', this.#stop);
  }

  readonly #stop = (): void => this.#outlet.end(serviceStopping());
}
