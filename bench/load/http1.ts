import * as net from 'node:net';
import { type Span, type Throughput, throughput } from './throughput.ts';

/** Requests over HTTP/1.1, one at a time on each connection. */
export interface Http1Load extends Span {
  readonly port: number;
  readonly pid: number;
  readonly path: string;
  readonly token?: string;
  /** Bodies in JSON; they take turns. */
  readonly bodies: readonly string[];
  readonly connections: number;
}

/** Rejects if any answer is not 200. */
export async function http1Load(load: Http1Load): Promise<Throughput> {
  const requests = load.bodies.map((body) => requestOf(load, body));
  const failed = Promise.withResolvers<never>();
  const count = { calls: 0, bytes: 0 };
  let turn = 0;
  const next = () => requests[turn++ % requests.length] ?? Buffer.alloc(0);
  const connect = () =>
    new Promise<net.Socket>((resolve) => {
      let isDone = false;
      const socket = net.connect({ host: '127.0.0.1', port: load.port, noDelay: true }, () =>
        resolve(socket),
      );
      let rest = '';
      socket.setEncoding('latin1');
      socket.on('data', (text: string) => {
        rest += text;
        const size = sizeOfAnswer(rest, failed.reject);
        if (size === undefined) return;
        count.calls++;
        count.bytes += size;
        rest = '';
        socket.write(next());
      });
      socket.once('error', failed.reject);
      socket.once('close', () => isDone || failed.reject(new Error('the server closed a connection')));
      finished.push(() => {
        isDone = true;
        socket.destroy();
      });
    });
  const finished: (() => void)[] = [];
  const sockets = await Promise.all(Array.from({ length: load.connections }, connect));
  for (const socket of sockets) socket.write(next());
  try {
    return await Promise.race([failed.promise, throughput(load.pid, load, count)]);
  } finally {
    for (const finish of finished) finish();
  }
}

/** The bytes of the body once all of it is there; whatever follows would be of an answer that nobody asked for. */
function sizeOfAnswer(text: string, reject: (error: Error) => void): number | undefined {
  const headersEnd = text.indexOf('\r\n\r\n');
  if (headersEnd < 0) return undefined;
  if (!text.startsWith('HTTP/1.1 200 ')) reject(new Error(`a call failed: ${text.slice(0, 500)}`));
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(text);
  const received = text.length - headersEnd - 4;
  if (length !== null) return received >= Number(length[1]) ? Number(length[1]) : undefined;
  return text.endsWith('\r\n0\r\n\r\n') ? received : undefined;
}

function requestOf({ port, path, token }: Http1Load, body: string): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
