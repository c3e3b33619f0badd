import { createRequire } from 'node:module';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Violation } from '../core/errors.ts';
import type { Flag } from '../core/model.ts';
import { SchemaCheck } from './schema-check.ts';

const MAX_SCHEMA_BYTES = 16_384;
/** Over all variations; some tens of milliseconds at worst. */
const MAX_STEPS = 300_000;

let loaded: Ajv2020 | undefined;

/** Large, and needed only when somebody writes a schema. */
function dialect(): Ajv2020 {
  if (loaded !== undefined) return loaded;
  const library: typeof import('ajv/dist/2020.js') = createRequire(import.meta.url)('ajv/dist/2020.js');
  loaded = new library.Ajv2020({ strict: false, validateFormats: false, logger: false });
  return loaded;
}

/** Where a json flag breaks its own JSON Schema (draft 2020-12), or what is wrong with the schema. */
export function schemaViolations(flag: Flag): Violation[] {
  const schema = flag.jsonSchema;
  if (schema === undefined) return [];
  const path = 'json_schema';
  if (flag.type !== 'json') return [{ path, message: 'is for flags of type json only' }];
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES)
    return [{ path, message: `must be at most ${MAX_SCHEMA_BYTES} bytes` }];
  try {
    const rules = dialect();
    if (rules.validateSchema(schema) !== true)
      return [{ path, message: rules.errorsText(rules.errors, { dataVar: '' }) }];
    const check = new SchemaCheck(schema, MAX_STEPS);
    return flag.variations.flatMap(({ value }, index) => {
      const problem = check.problemIn(value);
      if (problem === undefined) return [];
      return [{ path: `variations[${index}].value${problem.path}`, message: problem.message }];
    });
  } catch (error) {
    return [{ path, message: error instanceof Error ? error.message : 'is not a JSON Schema' }];
  }
}

/** Whether two flags ask the same of the same values. */
export function sameSchemaAndValues(a: Flag, b: Flag): boolean {
  return contentOf(a) === contentOf(b);
}

function contentOf({ type, jsonSchema, variations }: Flag): string {
  return canonicalJson({ type, jsonSchema, values: variations.map(({ value }) => value) });
}
