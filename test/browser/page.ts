import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { type Decision, EvaluationService, Reason } from '../../gen/vexil/v1/evaluation_pb.ts';

// A page of somebody's shop. Its address says what it does; it writes what it learns into itself, one element per flag,
// and keeps every byte that it is let read.

const settings = new URLSearchParams(location.search);
const setting = (name: string): string => settings.get(name) ?? '';

const received: string[] = [];
Object.assign(window, { received });

/** Reads along, as a page may. */
const listening: typeof fetch = async (...request) => {
  const response = await fetch(...request);
  for (const [name, value] of response.headers) received.push(`${name}: ${value}`);
  const [mine, theirs] = response.body?.tee() ?? [null, null];
  void collect(mine);
  return new Response(theirs, response);
};

async function collect(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const decoder = new TextDecoder('latin1');
  try {
    for await (const chunk of body) received.push(decoder.decode(chunk));
  } catch {
    // The page has ended the call.
  }
}

const withKey: Interceptor = (next) => (request) => {
  request.header.set('authorization', `Bearer ${setting('key')}`);
  return next(request);
};

const options = { baseUrl: setting('server'), interceptors: [withKey], fetch: listening };
const client = createClient(
  EvaluationService,
  setting('transport') === 'grpc-web' ? createGrpcWebTransport(options) : createConnectTransport(options),
);
const context = { targetingKey: 'user-1', attributes: { plan: 'pro' } };

const tasks: Record<string, () => Promise<void>> = {
  async live() {
    const start = await client.handshake({ protocolVersion: 1, context });
    start.decisions.forEach(showDecision);
    show('state', `started with ${start.decisions.length}`);
    const view = { case: 'decisions', value: { context } } as const;
    for await (const { message } of client.watchFlags({ view, resumeToken: start.resumeToken })) {
      if (message.case === 'hello') show('state', `watching from ${message.value.intent}`);
      if (message.case === 'delta') message.value.decisions.forEach(showDecision);
    }
  },
  async definitions() {
    const view = { case: 'definitions', value: {} } as const;
    for await (const { message } of client.watchFlags({ view })) show('state', `got ${message.case}`);
  },
  async evaluate() {
    const { value, reason } = await client.evaluate({ flagKey: setting('flag'), context });
    show('state', `${setting('flag')} = ${value.value} (${nameOf(reason)})`);
  },
  async explain() {
    await client.evaluate({ flagKey: setting('flag'), context, explain: true });
    show('state', 'explained');
  },
};

function showDecision({ flagKey, value, reason }: Decision): void {
  show(flagKey, `${flagKey} = ${value.value} (${nameOf(reason)})`);
}

function nameOf(reason: Reason): string {
  return Object.entries(Reason).find(([, value]) => value === reason)?.[0] ?? '';
}

function show(id: string, text: string): void {
  const element = document.getElementById(id) ?? document.body.appendChild(document.createElement('p'));
  element.id = id;
  element.textContent = text;
}

tasks[setting('do')]?.().then(
  () => show('end', 'ended'),
  (error: unknown) => show('end', `failed: ${Code[ConnectError.from(error).code]}`),
);
