/** Something drawn: the inside of an SVG document, for readers in light and in dark. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .faint { fill: #57606a; font-size: 11px; }
  .grid { stroke: #d0d7de; fill: none; }
  .mark { stroke: #24292f; stroke-dasharray: 3 3; }
  .good { fill: #1a7f37; } .bad { fill: #cf222e; }
  .line { stroke: #0969da; fill: none; stroke-width: 2; } .dot { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .mark { stroke: #e6edf3; }
    .good { fill: #3fb950; } .bad { fill: #f85149; }
    .line { stroke: #4493f8; } .dot { fill: #4493f8; }
  }`;

/** A document of its own. */
export function svgDocument({ width, height, body }: Drawing): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
    `<style>${STYLE}\n</style>\n${body}\n</svg>\n`
  );
}

export function text(x: number, y: number, content: string, style = '', anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${style}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${style}"/>`;
}

export function rectangle(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" class="${style}"/>`;
}

/** A line through points, each with a dot. */
export function path(points: readonly (readonly [number, number])[]): string {
  const places = points.map(([x, y]) => `${round(x)},${round(y)}`);
  const dots = points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3" class="dot"/>`);
  return `<polyline points="${places.join(' ')}" class="line"/>${dots.join('')}`;
}

/** Moved to a place of a larger drawing. */
export function moved(x: number, y: number, body: string): string {
  return `<g transform="translate(${round(x)} ${round(y)})">${body}</g>`;
}

/** Places of the values from `least` to `most`, on a scale of ratios, along so many pixels. */
export function logScale(least: number, most: number, pixels: number): (value: number) => number {
  const span = Math.log(most / least) || 1;
  return (value) => (Math.log(value / least) / span) * pixels;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
