import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

// The door of a thread, in plain JavaScript. Threads do not have the cache of their process unless they ask for it, and
// would each hold what strips types.
const cache = process.env.NODE_COMPILE_CACHE;
if (cache) enableCompileCache(cache);
await import(workerData.entry);
