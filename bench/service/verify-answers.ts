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
