import { type DescMessage, fromBinary, toJsonString } from '@bufbuild/protobuf';
import { answersTo } from '../load/load.ts';
import type { Service } from './service.ts';

/**
 * Makes sure that all servers give the same answers to these requests, which are in base64, field by field, and at least
 * two different ones. Throws where they differ.
 */
export async function verifyAnswers(
  services: readonly Service[],
  path: string,
  messages: readonly string[],
  schema: DescMessage,
  on: 'calls' | 'stream' = 'calls',
): Promise<void> {
  let known: string | undefined;
  for (const { name, port, pid, token } of services) {
    const asked = { port, pid, path, messages, on, ...(token !== undefined && { token }) };
    const answers = await answersTo(asked);
    if (answers.length !== messages.length)
      throw new Error(`${name} gave ${answers.length} answers to ${messages.length} requests`);
    const decoded = answers.map((answer) =>
      toJsonString(schema, fromBinary(schema, Uint8Array.fromBase64(answer))),
    );
    if (new Set(decoded).size < 2) throw new Error(`${name} answers everything alike: ${decoded[0]}`);
    const text = decoded.join('\n');
    known ??= text;
    if (text !== known) throw new Error(`${name} answers ${path} unlike ${services[0]?.name}`);
  }
}

/** The same for Connect with JSON over HTTP/1.1. */
export async function verifyJsonAnswers(
  services: readonly Service[],
  path: string,
  bodies: readonly string[],
): Promise<void> {
  let known: string | undefined;
  for (const { name, port, token } of services) {
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const answers = bodies.map(async (body) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
      return `${response.status} ${await response.text()}`;
    });
    const text = (await Promise.all(answers)).join('\n');
    known ??= text;
    if (text !== known) throw new Error(`${name} answers ${path} in JSON unlike ${services[0]?.name}`);
  }
}
