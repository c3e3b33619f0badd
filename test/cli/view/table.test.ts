import { describe, expect, it } from 'vitest';
import { fields, table } from '../../../src/cli/view/table.ts';

describe('a table', () => {
  it('aligns its columns and leaves nothing at the end of a line', () => {
    const text = table(
      ['KEY', 'TYPE', 'TAGS'],
      [
        ['checkout', 'boolean', ''],
        ['é', 'json', 'a,b'],
      ],
    );
    expect(text).toBe(['KEY       TYPE     TAGS', 'checkout  boolean', 'é         json     a,b'].join('\n'));
  });

  it('writes control characters out', () => {
    expect(table(['A'], [['\u001b[31mred\n']])).toBe('A\n\\u001b[31mred\\u000a');
  });
});

describe('fields', () => {
  it('are aligned, without those that have no value', () => {
    const text = fields([
      ['flag', 'checkout'],
      ['owner', ''],
      ['version', '3'],
    ]);
    expect(text).toBe('flag     checkout\nversion  3');
  });
});
