import { checkCount, checkKey, checkText, checkUnique, type Report, violationsOf } from './checks.ts';
import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Segment } from './model.ts';
import { checkCondition } from './validate-condition.ts';

/** Everything that is wrong with a segment by itself. */
export function validateSegment(segment: Segment, limits: Limits): Violation[] {
  const { included, excluded, condition } = segment;
  return violationsOf((report) => {
    checkKey(segment.key, 'key', report);
    checkText(segment.name, 'display_name', limits, report);
    checkText(segment.description, 'description', limits, report);
    if (included.length + excluded.length > limits.segmentKeys) {
      checkCount(included.length + excluded.length, 'segmentKeys', 'included', limits, report);
    } else {
      checkKeys(included, 'included', limits, report);
      checkKeys(excluded, 'excluded', limits, report);
    }
    if (condition !== undefined) checkCondition(condition, 'condition', limits, report);
  });
}

function checkKeys(keys: readonly string[], path: string, limits: Limits, report: Report): void {
  for (const [index, key] of keys.entries()) {
    if (key === '') report(`${path}[${index}]`, 'must not be empty');
    checkText(key, `${path}[${index}]`, limits, report);
  }
  checkUnique(keys, (index) => `${path}[${index}]`, report);
}
