import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerSheets, LONGEST_SHEET, sheetsOf } from '../../src/app/answer-sheet.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { valueless } from '../../src/core/outcomes.ts';

const KINDS = 40;
/** Many outcomes of each flag. */
const known = Array.from({ length: 1_200 }, (_, flag) =>
  Array.from({ length: KINDS }, (_, kind) => valueless(`flag-${flag}`, 'GENERAL', '', kind)),
);

/** Of each flag from `first` on the outcome that was chosen. */
function listOf(choices: readonly number[], first = 0): Outcome[] {
  return choices.map((choice, place) => known[first + place]?.[choice] ?? valueless('?', 'GENERAL', '', 0));
}

/** The list, put together from codes. */
function readBack(sheets: AnswerSheets, list: readonly Outcome[]): (Outcome | undefined)[] {
  const all: (Outcome | undefined)[] = [];
  for (let from = 0; from < list.length; from += LONGEST_SHEET) {
    const { answers, codes, largestCode } = sheets.reading(list, from);
    for (let place = 0; place < answers.length; place++) {
      expect(codes[place]).toBeLessThanOrEqual(largestCode);
      all.push(answers[place]?.[codes[place] ?? 0]);
    }
  }
  return all;
}

const lists = fc.array(
  fc.tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(2) }, fc.nat(KINDS - 1)), { maxLength: 12 }),
    fc.nat(1),
  ),
  { maxLength: 60 },
);

describe('codes', () => {
  test('say what was answered, whoever asked for which flags before', () => {
    fc.assert(
      fc.property(lists, (all) => {
        const sheets = new AnswerSheets();
        for (const [choices, first] of all) {
          const list = listOf(choices, first);
          expect(readBack(sheets, list)).toEqual(list);
        }
      }),
    );
  });

  test('are right for the same list although another one was read in between', () => {
    const sheets = new AnswerSheets();
    const [some, others] = [listOf([0, 1, 0]), listOf([1, 1, 0])];
    readBack(sheets, some);
    const sheet = sheets.reading(some, 0);
    expect(sheets.reading(some, 0)).toBe(sheet);
    expect([...sheets.reading(others, 0).codes.subarray(0, 3)]).toEqual([1, 0, 0]);
    expect([...sheets.reading(some, 0).codes.subarray(0, 3)]).toEqual([0, 0, 0]);
    readBack(sheetsOf({}), others);
    expect(readBack(sheets, some)).toEqual(some);
  });

  test('are those of several sheets for a long list', () => {
    const sheets = new AnswerSheets();
    for (let user = 0; user < 50; user++) {
      const list = listOf(known.map((_, flag) => (flag * user) % 3));
      expect(readBack(sheets, list)).toEqual(list);
    }
    expect(
      [0, 500, 1_000].map((from) => sheets.reading(listOf(known.map(() => 0)), from).answers.length),
    ).toEqual([500, 500, 200]);
  });
});

test('a sheet grows to a limit, and then there is another one', () => {
  const sheets = new AnswerSheets();
  const first = sheets.reading(listOf([0]), 0);
  for (let kind = 1; kind < 32; kind++) expect(sheets.reading(listOf([kind]), 0)).toBe(first);
  const next = sheets.reading(listOf([32]), 0);
  expect(next).not.toBe(first);
  expect(next.answers).toEqual([[known[0]?.[32]]]);
  expect(sheets.reading(listOf([31]), 0)).toBe(next);
});

test('a snapshot has its own sheets', () => {
  const [one, other] = [{}, {}];
  expect(sheetsOf(one)).toBe(sheetsOf(one));
  expect(sheetsOf(one)).not.toBe(sheetsOf(other));
});
