import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { z } from 'zod';

const Hex = z.instanceof(Buffer).transform((bytes) => bytes.toString('hex'));
const Attributes = z
  .array(z.object({ key: z.string(), value: z.object({ stringValue: z.string() }) }))
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value.stringValue])));
const Span = z.object({
  traceId: Hex,
  spanId: Hex,
  parentSpanId: Hex,
  name: z.string(),
  kind: z.string(),
  startTimeUnixNano: z.string().transform(BigInt),
  endTimeUnixNano: z.string().transform(BigInt),
  attributes: Attributes,
  status: z.object({ code: z.string() }),
});
const Export = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: Attributes }),
      scopeSpans: z.array(z.object({ spans: z.array(Span) })),
    }),
  ),
});

export type CollectedSpan = z.infer<typeof Span> & { readonly resource: Readonly<Record<string, string>> };

/** Takes traces by OTLP over HTTP, as a collector does. */
export interface Collector extends AsyncDisposable {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly port: number;
  /** All that came so far. */
  readonly spans: readonly CollectedSpan[];
  /** What it answers from now on. Default: 200. `never`: nothing at all. */
  answer: number | 'never';
}

/** On that port, or on a free one. */
export async function startCollector(port = 0): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const server = createServer((request, response) => {
    void take(request).then((taken) => {
      if (collector.answer === 'never') return;
      if (collector.answer === 200) spans.push(...taken);
      response.writeHead(collector.answer, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const taken = portOf(server);
  const collector: Collector = {
    ...{ endpoint: `http://127.0.0.1:${taken}`, port: taken, spans, answer: 200 },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return collector;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function take(request: IncomingMessage): Promise<CollectedSpan[]> {
  const body = await buffer(request);
  if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') return [];
  const { resourceSpans } = Export.parse(exportMethod().requestDeserialize(body));
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, resource: resource.attributes }))),
  );
}

function exportMethod(): MethodDefinition<object, object> {
  const file = fileURLToPath(new URL('otlp.proto', import.meta.url));
  const service = loadSync(file, { longs: String, enums: String, defaults: true, arrays: true })[
    'opentelemetry.TraceService'
  ];
  if (service === undefined || !('Export' in service)) throw new Error('there is no TraceService');
  return service.Export as MethodDefinition<object, object>;
}
