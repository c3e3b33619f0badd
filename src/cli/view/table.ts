/** Aligned columns under a heading, two spaces apart, as kubectl prints them. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => lengthOf(line[column] ?? ''))));
  return lines.map((line) => alignedLine(line, widths)).join('\n');
}

/** Names and what they are, one per line; those without a value are left out. */
export function fields(entries: readonly (readonly [name: string, value: string])[]): string {
  const present = entries.filter(([, value]) => value !== '');
  const width = Math.max(0, ...present.map(([name]) => lengthOf(name)));
  return present.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
}

/** The text with control characters written out, so that no data can move the cursor or recolour a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Bidi_Control}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

export function indented(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n');
}

/** `1 flag`, `3 flags`. */
export function counted(count: number | bigint, noun: string): string {
  return `${count} ${noun}${Number(count) === 1 ? '' : 's'}`;
}

function alignedLine(line: readonly string[], widths: readonly number[]): string {
  const cells = widths.map((width, column) => {
    const cell = line[column] ?? '';
    return cell + ' '.repeat(width - lengthOf(cell));
  });
  return cells.join('  ').trimEnd();
}

function lengthOf(text: string): number {
  return [...text].length;
}
