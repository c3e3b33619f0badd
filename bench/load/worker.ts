import { answerQuestions } from '../lib/child.ts';
import { type Asking, ask } from './ask.ts';
import { type Http1Load, http1Load } from './http1.ts';
import { type StreamLoad, streamLoad } from './stream.ts';
import { type UnaryLoad, unaryLoad } from './unary.ts';
import { openWatches, type Watches, type WatchLoad } from './watch.ts';

// A process of its own: puts load on a server, so that what it costs to do so is not mixed up with anything else.

/** What the process can be asked to do. */
export type LoadQuestion =
  | { readonly kind: 'ask'; readonly asking: Asking }
  | { readonly kind: 'unary'; readonly load: UnaryLoad }
  | { readonly kind: 'http1'; readonly load: Http1Load }
  | { readonly kind: 'stream'; readonly load: StreamLoad }
  /** Opens watches and keeps them open. */
  | { readonly kind: 'watch'; readonly load: WatchLoad }
  /** Makes a change and follows it to those watches. */
  | { readonly kind: 'change' };

let watches: Watches | undefined;

answerQuestions(async (question: LoadQuestion): Promise<unknown> => {
  switch (question.kind) {
    case 'ask':
      return await ask(question.asking);
    case 'unary':
      return await unaryLoad(question.load);
    case 'http1':
      return await http1Load(question.load);
    case 'stream':
      return await streamLoad(question.load);
    case 'watch':
      watches = await openWatches(question.load);
      return watches.streams;
    case 'change':
      if (watches === undefined) throw new Error('there are no watches');
      return await watches.change();
  }
});
