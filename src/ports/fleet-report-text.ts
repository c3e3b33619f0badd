import type { Complaint, ReplicaReport } from './fleet-registry.ts';

/** How a report travels and is kept, whatever the way: as JSON with the number of its format. */
const FORMAT = 1;

export function reportText(report: ReplicaReport): string {
  return JSON.stringify({ ...report, format: FORMAT, applied: Object.fromEntries(report.applied) });
}

/** The report in a text; undefined if there is none, or one of a format that is not known. */
export function readReport(text: string): ReplicaReport | undefined {
  const fields = fieldsOf(parse(text));
  const { format, id, sequence, name, version, startedAt, draining, stalenessMs } =
    Object.fromEntries(fields);
  if (format !== FORMAT || !isCount(sequence) || !isCount(stalenessMs) || typeof draining !== 'boolean')
    return undefined;
  if (typeof id !== 'string' || typeof name !== 'string') return undefined;
  if (typeof version !== 'string' || typeof startedAt !== 'string') return undefined;
  return {
    ...{ id, sequence, name, version, startedAt, draining, stalenessMs },
    applied: new Map([...fieldsOf(fields.get('applied'))].filter(isPosition)),
    troubles: complaintsIn(fields.get('troubles')),
    quarantined: complaintsIn(fields.get('quarantined')),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isPosition(entry: [string, unknown]): entry is [string, number] {
  return isCount(entry[1]);
}

function complaintsIn(value: unknown): readonly Complaint[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown) => {
    const fields = fieldsOf(each);
    const [project, what] = [fields.get('project'), fields.get('what')];
    return typeof project === 'string' && typeof what === 'string' ? [{ project, what }] : [];
  });
}
