import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import type { Io } from '../io.ts';
import { UsageError } from '../usage-error.ts';

/** What a JSON or YAML file says; `-` is standard input. */
export async function readDocument(path: string, io: Io): Promise<JsonValue> {
  const content = await readText(path, io);
  try {
    if (path.endsWith('.json')) return JSON.parse(content);
    const { parse } = await import('yaml');
    return parse(content);
  } catch (error) {
    throw new UsageError(`${path}: ${firstLine(error)}`);
  }
}

/** The same as a message: fields by their names in the API, in camel or snake case. */
export async function readMessage<Desc extends DescMessage>(
  desc: Desc,
  path: string,
  io: Io,
): Promise<MessageShape<Desc>> {
  const json = await readDocument(path, io);
  try {
    return fromJson(desc, json);
  } catch (error) {
    throw new UsageError(`${path}: ${firstLine(error)}`);
  }
}

async function readText(path: string, io: Io): Promise<string> {
  if (path === '-') return text(io.stdin);
  try {
    return await readFile(resolve(io.cwd, path), 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${firstLine(error)}`);
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}
