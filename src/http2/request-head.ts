import { ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR } from './errors.ts';
import { type Field, sizeOf } from './field.ts';

/** What one peer may send before a body. */
export interface HeadLimits {
  /** As RFC 9113 counts: 32 for each field, and its characters. */
  readonly maxHeaderBytes: number;
  readonly maxHeaderFields: number;
}

/** What comes before the body of a request. Requests of one connection that say the same may share one. */
export class RequestHead {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string | undefined;
  readonly path: string;
  /** Without pseudo fields, in their order. */
  readonly fields: readonly Field[];
  /** Undefined if nothing is said. */
  readonly contentLength: number | undefined;

  constructor(pseudo: ReadonlyMap<string, string>, fields: readonly Field[]) {
    this.method = pseudo.get(':method') ?? '';
    this.scheme = pseudo.get(':scheme') ?? '';
    this.path = pseudo.get(':path') ?? '';
    this.fields = fields;
    this.authority = pseudo.get(':authority') ?? this.get('host');
    const length = this.get('content-length');
    this.contentLength = length === undefined ? undefined : Number(length);
  }

  /** Of several values all, with commas between them. */
  get(name: string): string | undefined {
    let found: string | undefined;
    for (const field of this.fields)
      if (field.name === name) found = found === undefined ? field.value : `${found}, ${field.value}`;
    return found;
  }

  repeats(name: string): boolean {
    return this.fields.filter((field) => field.name === name).length > 1;
  }
}

const OF_REQUESTS = new Set([':method', ':scheme', ':authority', ':path']);
const LENGTH = /^\d{1,15}$/;

/** Collects the fields of one block, and no more of them than may be. */
export class HeadReader {
  readonly #limits: HeadLimits;
  readonly #pseudo = new Map<string, string>();
  readonly #fields: Field[] = [];
  #bytes = 0;
  #count = 0;
  #isWrong = false;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  readonly take = (field: Field): void => {
    this.#bytes += sizeOf(field);
    this.#count++;
    if (field.kind === 'wrong') this.#isWrong = true;
    else if (this.#isTooLarge()) return;
    else if (field.kind === 'plain') this.#fields.push(field);
    else this.#takePseudo(field);
  };

  /** Undefined if it is none, or too large: `problem` says what to reset the stream with. */
  head(): RequestHead | undefined {
    if (this.problem() !== NO_ERROR) return undefined;
    const head = new RequestHead(this.#pseudo, this.#fields);
    return isComplete(head) ? head : undefined;
  }

  /** What to reset a stream with that ends with these fields, or begins with them and has no head. */
  problem(): number {
    if (this.#isTooLarge()) return ENHANCE_YOUR_CALM;
    return this.#isWrong ? PROTOCOL_ERROR : NO_ERROR;
  }

  hasPseudo(): boolean {
    return this.#pseudo.size > 0;
  }

  #takePseudo({ name, value }: Field): void {
    if (this.#fields.length > 0 || this.#pseudo.has(name) || !OF_REQUESTS.has(name)) this.#isWrong = true;
    this.#pseudo.set(name, value);
  }

  #isTooLarge(): boolean {
    return this.#bytes > this.#limits.maxHeaderBytes || this.#count > this.#limits.maxHeaderFields;
  }
}

function isComplete(head: RequestHead): boolean {
  const { method, scheme, path } = head;
  if (method === '' || scheme === '') return false;
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return false;
  const length = head.get('content-length');
  return length === undefined || LENGTH.test(length);
}
