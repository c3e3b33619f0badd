/**
 * One page of Prometheus text from those of several processes. Each sample gets a label `worker` that says whose it is;
 * what is said about a metric is said once.
 */
export function mergeMetrics(pages: ReadonlyMap<string, string>): string {
  const families = new Map<string, { readonly about: string[]; readonly samples: string[] }>();
  for (const [worker, page] of pages) {
    let family: { readonly about: string[]; readonly samples: string[] } | undefined;
    for (const line of page.split('\n')) {
      const [, name] = ABOUT.exec(line) ?? [];
      if (name !== undefined) {
        family = families.get(name) ?? { about: [], samples: [] };
        families.set(name, family);
        if (!family.about.includes(line)) family.about.push(line);
      } else if (line !== '') family?.samples.push(labelled(line, worker));
    }
  }
  return [...families.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n');
}

const ABOUT = /^# (?:HELP|TYPE|UNIT) (\S+)/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+(?: \S+)?)$/;

/** A line that is no sample, such as a comment, stays as it is. */
function labelled(line: string, worker: string): string {
  const [, name, labels, value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || line.startsWith('#')) return line;
  return `${name}{${labels === undefined || labels === '' ? '' : `${labels},`}worker="${worker}"} ${value}`;
}
