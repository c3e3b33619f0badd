import { expect, it } from 'vitest';
import { csvLine } from '../../src/cli/csv.ts';

it('quotes what would end a cell or a line', () => {
  expect(csvLine(['plain', 'a,b', 'say "no"', 'two\nlines', 7, 8n, ''])).toBe(
    'plain,"a,b","say ""no""","two\nlines",7,8,\r\n',
  );
});

it('lets no cell be a formula, but leaves numbers alone', () => {
  const evil = ['=1+1', '+1', '-1', '@sum', '\tx', '\rx', '=cmd|"/c calc"!A1'];
  expect(csvLine(evil)).toBe(`'=1+1,'+1,'-1,'@sum,'\tx,"'\rx","'=cmd|""/c calc""!A1"\r\n`);
  expect(csvLine([-1.5])).toBe('-1.5\r\n');
});
