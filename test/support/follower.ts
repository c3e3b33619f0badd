import { list } from './calls.ts';
import type { GrpcCaller, MessageStream } from './grpc-caller.ts';
import { isMessage, type Message } from './stock-protos.ts';

/** A client of WatchFlags that knows where it is, and insists that every step begins there. */
export interface Follower extends Disposable {
  readonly stream: MessageStream;
  /** The messages that bring it up to date: after them it is at the revision that hello announced. */
  start(): Promise<{ hello: Message; content: Message[] }>;
  /** The next delta. Rejects if there is a gap before it, or if the stream ends or says goodbye first. */
  delta(): Promise<Message>;
  /** The next message that is not a bookmark. */
  next(): Promise<Message | undefined>;
  readonly revision: number;
  /** Where to go on after an interruption. */
  readonly resumeToken: string;
}

export interface FollowOptions {
  readonly token: string;
  readonly view: Message;
  readonly resumeToken?: string;
  /** What it knows already, with a resume token. */
  readonly revision?: number;
}

export function follow(grpc: GrpcCaller, options: FollowOptions): Follower {
  let revision = options.revision ?? 0;
  let resumeToken = options.resumeToken ?? '';
  const request = { ...options.view, resumeToken };
  const stream = grpc.stream('EvaluationService/WatchFlags', request, { token: options.token });

  const moveTo = (message: Message): void => {
    const [kind, content] = Object.entries(message)[0] ?? [];
    if (!isMessage(content)) return;
    if (typeof content.resumeToken === 'string') resumeToken = content.resumeToken;
    if (kind === 'delta') {
      if (Number(content.fromRevision) !== revision)
        throw new Error(`a delta from ${content.fromRevision}, but the client is at ${revision}`);
      if (Number(content.toRevision) < revision) throw new Error(`a delta back to ${content.toRevision}`);
      revision = Number(content.toRevision);
    } else if (kind === 'snapshotEnd' || kind === 'bookmark') revision = Number(content.revision);
  };

  const next = async (): Promise<Message | undefined> => {
    for (;;) {
      const message = await stream.next();
      if (message === undefined) return undefined;
      moveTo(message);
      if (!('bookmark' in message)) return message;
    }
  };

  return {
    stream,
    next,
    async start() {
      const hello = contentOf(await next(), 'hello');
      const content: Message[] = [];
      while (hello.intent !== 'INTENT_NOTHING') {
        const message = await next();
        if (message === undefined) throw new Error('the stream ended before it had begun');
        content.push(message);
        if ('snapshotEnd' in message || 'delta' in message) break;
      }
      if (revision !== Number(hello.targetRevision))
        throw new Error(`at ${revision}, but hello announced ${hello.targetRevision}`);
      return { hello, content };
    },
    async delta() {
      return contentOf(await next(), 'delta');
    },
    get revision() {
      return revision;
    },
    get resumeToken() {
      return resumeToken;
    },
    [Symbol.dispose]: () => stream.cancel(),
  };
}

/** The keys of what a delta brings, sorted: flags, segments and decisions alike. */
export function keysIn(delta: Message): string[] {
  const flags = list(delta, 'flags').map(({ flag }) => `flag ${isMessage(flag) ? flag.key : ''}`);
  const segments = list(delta, 'segments').map(({ key }) => `segment ${key}`);
  const decisions = list(delta, 'decisions').map(({ flagKey, variation }) => `${flagKey} ${variation}`);
  return [...flags, ...segments, ...decisions].sort();
}

function contentOf(message: Message | undefined, kind: string): Message {
  const content = message?.[kind];
  if (!isMessage(content)) throw new Error(`not a ${kind}: ${JSON.stringify(message)}`);
  return content;
}
