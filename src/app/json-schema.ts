import { runInNewContext } from 'node:vm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import type { Violation } from '../core/errors.ts';
import type { Flag } from '../core/model.ts';

const MAX_SCHEMA_BYTES = 65_536;
const MAX_PATTERN_LENGTH = 1_000;
const TIME_LIMIT_MS = 250;

/** Where a json flag breaks its own JSON Schema (draft 2020-12), or what is wrong with the schema. */
export function schemaViolations(flag: Flag): Violation[] {
  const schema = flag.jsonSchema;
  if (schema === undefined) return [];
  const path = 'json_schema';
  if (flag.type !== 'json') return [{ path, message: 'is for flags of type json only' }];
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES)
    return [{ path, message: `must be at most ${MAX_SCHEMA_BYTES} bytes` }];
  const ajv = new Ajv2020({
    allErrors: false,
    strict: false,
    validateFormats: false,
    code: { regExp: linearRegExp },
  });
  const check = (): Violation[] => {
    const validate = ajv.compile(schema);
    return flag.variations.flatMap((variation, index) => {
      if (validate(variation.value)) return [];
      const [error] = validate.errors ?? [];
      return [
        {
          path: `variations[${index}].value${error?.instancePath ?? ''}`,
          message: error?.message ?? 'is not valid',
        },
      ];
    });
  };
  try {
    return withinTime(check);
  } catch (error) {
    return [{ path, message: problemOf(error) }];
  }
}

/** A short schema can ask for more work than there is time in the world, and nothing else could be done meanwhile. */
function withinTime<T>(work: () => T): T {
  const results: T[] = [];
  const run = () => void results.push(work());
  runInNewContext('run()', { run }, { timeout: TIME_LIMIT_MS });
  const [result] = results;
  if (result === undefined) throw new Error('the work has no result');
  return result;
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return 'is not a JSON Schema';
  if (error instanceof RangeError) return 'refers to itself without end';
  if ('code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'takes too long to check';
  return error.message;
}

/** Patterns in a schema are a stranger's: matched in linear time, as everywhere. */
function linearRegExp(pattern: string): { test: (text: string) => boolean } {
  if (pattern.length > MAX_PATTERN_LENGTH)
    throw new Error(`a pattern may have ${MAX_PATTERN_LENGTH} characters`);
  const compiled = RE2JS.compile(pattern);
  return { test: (text) => compiled.matcher(text).find() };
}
linearRegExp.code = 'linearRegExp';
