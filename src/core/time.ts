const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2})))?$/;
const FOUR_CENTURIES_MS = 146_097 * 86_400_000;
const CANONICAL_LENGTH = 24;

export const DAY_MS = 86_400_000;

/** Epoch milliseconds of an RFC 3339 time or a date alone (midnight UTC); undefined if it is neither. */
export function parseTime(text: string): number | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  const [y, mo, d] = [Number(year), Number(month), Number(day)];
  const [h, mi, s] = [Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)];
  const [oh, om] = [Number(offsetHour ?? 0), Number(offsetMinute ?? 0)];
  if (mo < 1 || mo > 12 || d < 1 || d > daysInMonth(y, mo)) return undefined;
  // RFC 3339 allows the sixtieth second for leap seconds.
  if (h > 23 || mi > 59 || s > 60 || oh > 23 || om > 59) return undefined;
  // Four centuries later, because Date.UTC reads years below 100 as 19xx.
  const localMs = Date.UTC(y + 400, mo - 1, d, h, mi, s) - FOUR_CENTURIES_MS + Number(fraction ?? 0) * 1000;
  const offsetMs = (oh * 60 + om) * 60_000;
  return sign === '-' ? localMs + offsetMs : localMs - offsetMs;
}

/** Epoch milliseconds of an instant as `Date.prototype.toISOString` writes it; undefined for any other text. */
export function parseInstant(text: string): number | undefined {
  if (text.length !== CANONICAL_LENGTH || text[10] !== 'T' || text[23] !== 'Z') return undefined;
  const ms = parseTime(text);
  return ms === undefined || new Date(ms).toISOString() !== text ? undefined : ms;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
