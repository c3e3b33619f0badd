import type { Answer, Caller } from './calls.ts';
import { answerIn } from './connect-json.ts';
import { runCommand } from './run-command.ts';
import { isRead, type Message, methodNamed } from './stock-protos.ts';

export interface CurlOptions {
  /** Such as `--http1.1`. */
  readonly version: '--http1.1' | '--http2-prior-knowledge';
  /** Whether reads are GETs, with the request in the address. */
  readonly getReads?: boolean;
}

/** Unary calls in JSON with plain curl. */
export function curlCaller(url: string, { version, getReads = false }: CurlOptions): Caller {
  return async (name, request, token): Promise<Answer> => {
    const method = methodNamed(name);
    const read = getReads && isRead(method);
    const { status, type, body } = await curl([
      ...[version, ...keyArguments(token)],
      ...(read ? getArguments(request) : postArguments(request)),
      url + method.path,
    ]);
    if (!type.startsWith('application/json'))
      throw new Error(`${name} was answered ${status} with ${type}: ${body}`);
    return answerIn(status !== 200, body);
  };
}

/** What curl gets, with the status and the content type. Rejects with what curl says if it gets nothing. */
export async function curl(args: readonly string[]): Promise<{ status: number; type: string; body: string }> {
  const report = '\n%{http_code} %{content_type}';
  const { code, stdout, stderr } = await runCommand('curl', [
    '-sS',
    '--max-time',
    '30',
    '-w',
    report,
    ...args,
  ]);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  const text = stdout.toString();
  const at = text.lastIndexOf('\n');
  const [status = '', type = ''] = text.slice(at + 1).split(' ');
  return { status: Number(status), type, body: text.slice(0, at) };
}

export function keyArguments(token: string): string[] {
  return token === '' ? [] : ['-H', `authorization: Bearer ${token}`];
}

function postArguments(request: Message): string[] {
  return ['-H', 'content-type: application/json', '--data-binary', JSON.stringify(request)];
}

function getArguments(request: Message): string[] {
  const query = { connect: 'v1', encoding: 'json', message: JSON.stringify(request) };
  return [
    '-G',
    ...Object.entries(query).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]),
  ];
}
