import {
  checkCount,
  checkInstant,
  checkJson,
  checkKey,
  checkLabel,
  checkText,
  checkUnique,
  jsonBytes,
  type Report,
  violationsOf,
} from './checks.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Flag, Variation } from './model.ts';
import { isOfType } from './outcomes.ts';

const TYPES: readonly string[] = ['boolean', 'string', 'number', 'json'];
const STATUSES: readonly string[] = ['draft', 'active', 'archived'];
const MAX_TAGS = 100;

/** Everything that is wrong with a flag by itself; whether its JSON Schema holds is not looked at here. */
export function validateFlag(flag: Flag, limits: Limits): Violation[] {
  return violationsOf((report) => {
    checkKey(flag.key, 'key', report);
    checkText(flag.name, 'display_name', limits, report);
    checkText(flag.description, 'description', limits, report);
    checkText(flag.owner, 'owner', limits, report);
    checkTags(flag.tags, limits, report);
    if (!STATUSES.includes(flag.status)) report('status', 'is not known here');
    if (TYPES.includes(flag.type)) checkVariations(flag, limits, report);
    else report('type', 'is not known here');
    if (flag.removalAt !== undefined) {
      checkInstant(flag.removalAt, 'removal_time', report);
      if (!flag.temporary) report('removal_time', 'is for temporary flags only');
    }
    if (flag.jsonSchema !== undefined) {
      if (flag.type !== 'json') report('json_schema', 'is for flags of type json only');
      checkJson(flag.jsonSchema, 'json_schema', report);
    }
  });
}

function checkTags(tags: readonly string[], limits: Limits, report: Report): void {
  if (tags.length > MAX_TAGS) report('tags', `must be at most ${MAX_TAGS}`);
  for (const [index, tag] of tags.entries()) {
    if (tag === '') report(`tags[${index}]`, 'must not be empty');
    checkText(tag, `tags[${index}]`, limits, report);
  }
  checkUnique(tags, (index) => `tags[${index}]`, report);
}

function checkVariations(flag: Flag, limits: Limits, report: Report): void {
  const { variations } = flag;
  const keys = variations.map(({ key }) => key);
  if (variations.length === 0) report('variations', 'must not be empty');
  checkCount(variations.length, 'variationsPerFlag', 'variations', limits, report);
  checkUnique(keys, (index) => `variations[${index}].key`, report);
  for (const [index, variation] of variations.entries()) {
    checkVariation(variation, flag, `variations[${index}]`, limits, report);
  }
  if (variations.length > 0 && !keys.includes(flag.defaultVariation)) {
    report('default_variation', `there is no variation ${JSON.stringify(flag.defaultVariation)}`);
  }
}

function checkVariation(
  variation: Variation,
  flag: Flag,
  path: string,
  limits: Limits,
  report: Report,
): void {
  const { key, value, name, description } = variation;
  checkLabel(key, `${path}.key`, report);
  if (name !== undefined) checkText(name, `${path}.display_name`, limits, report);
  if (description !== undefined) checkText(description, `${path}.description`, limits, report);
  const place = `${path}.value`;
  if (!isOfType(value, flag.type)) {
    report(place, flag.type === 'json' ? 'must be an object or a list' : `must be a ${flag.type}`);
    return;
  }
  const { length } = violationsOf((nested) => checkJson(value, place, nested));
  if (length > 0) checkJson(value, place, report);
  else if (jsonBytes(value) > limits.valueBytes) {
    report(place, `must be at most ${limits.valueBytes} bytes of JSON`, 'valueBytes');
  }
}
