import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// The door, in plain JavaScript. What Node makes of our sources is kept beside them, where nobody else can write: the next
// start takes half the time, and does without the part of Node that strips types, which takes 18 MB and is never let go.
const cache = fileURLToPath(new URL('../../node_modules/.cache/vexil', import.meta.url));
enableCompileCache(cache);
// For the processes that this one starts.
process.env.NODE_COMPILE_CACHE ??= cache;
await import('./main.ts');
