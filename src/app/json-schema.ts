import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import type { Violation } from '../core/errors.ts';
import type { Flag } from '../core/model.ts';

const MAX_SCHEMA_BYTES = 65_536;

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
  try {
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
  } catch (error) {
    return [{ path, message: error instanceof Error ? error.message : 'is not a JSON Schema' }];
  }
}

/** Patterns in a schema are a stranger's: matched in linear time, as everywhere. */
function linearRegExp(pattern: string): { test: (text: string) => boolean } {
  const compiled = RE2JS.compile(pattern);
  return { test: (text) => compiled.matcher(text).find() };
}
linearRegExp.code = 'linearRegExp';
