/**
 * One line of CSV as RFC 4180 has it. A cell that a spreadsheet would take for a formula begins with an apostrophe, so
 * that nobody who names a thing after one makes it run on somebody else's machine.
 */
export function csvLine(cells: readonly (string | number | bigint)[]): string {
  return `${cells.map(cellText).join(',')}\r\n`;
}

function cellText(cell: string | number | bigint): string {
  if (typeof cell !== 'string') return String(cell);
  const text = /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
