import type { EventKind, OutcomeQuery, RecordedPlace, VariationOutcome } from '../../ports/exposure-store.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

const KINDS: readonly EventKind[] = ['metric', 'error', 'crash'];

/**
 * Who got what since when is worked out first, then what happened to them; both from one moment, for it is one query.
 * Bounded by what there is of one flag and of the events in the period, whatever else there is.
 */
const OUTCOMES = `
  WITH place AS (SELECT id FROM places WHERE project = :project AND environment = :environment),
  about AS (SELECT id FROM flags WHERE place = (SELECT id FROM place) AND flag = :flag),
  by_answer AS (
    SELECT e.answer, e.subject, MIN(e.time) AS first_at, SUM(e.count) AS evaluations FROM evaluations AS e NOT INDEXED
    WHERE e.flag = (SELECT id FROM about) AND e.time >= :from AND e.time < :to GROUP BY e.answer, e.subject
  ),
  got AS MATERIALIZED (
    SELECT a.variation, g.subject, MIN(g.first_at) AS first_at, SUM(g.evaluations) AS evaluations
    FROM by_answer AS g CROSS JOIN answers AS a ON a.id = g.answer
    WHERE :rule IS NULL OR a.rule_id = :rule GROUP BY a.variation, g.subject
  ),
  happened AS (
    SELECT got.variation, got.subject, SUM(v.count) AS events, SUM(COALESCE(v.value, 0) * v.count) AS total
    FROM event_names AS n CROSS JOIN events AS v ON v.name = n.id CROSS JOIN got ON got.subject = v.subject
    WHERE n.place = (SELECT id FROM place) AND (:event IS NULL OR n.event = :event) AND instr(:kinds, n.kind)
      AND v.time >= :from AND v.time < :to AND v.time >= got.first_at AND v.subject > 0
      AND (v.flag IS NULL OR v.flag = (SELECT id FROM about))
    GROUP BY got.variation, got.subject
  )
  SELECT variation, COUNT(NULLIF(subject, 0)) AS subjects, SUM(evaluations) AS evaluations,
    0 AS affected, 0 AS events, 0.0 AS total, 0.0 AS squares FROM got GROUP BY variation
  UNION ALL
  SELECT variation, 0, 0, COUNT(*), SUM(events), SUM(total), SUM(total * total) FROM happened GROUP BY variation
  ORDER BY variation, subjects DESC`;

/** Reads how those fared who got a flag. */
export function outcomeReading(
  database: Database,
): (place: RecordedPlace, query: OutcomeQuery) => readonly VariationOutcome[] {
  const select = database.prepare(OUTCOMES);
  return ({ project, environment }, { flag, from, to, kinds = KINDS, event, ruleId }) => {
    const parameters = { project, environment, flag, from, to, kinds: kinds.join(' ') };
    const rows = select.all({ ...parameters, event: event ?? null, rule: ruleId ?? null });
    const outcomes = new Map<string, VariationOutcome>();
    for (const row of rows) {
      const variation = textOf(row, 'variation');
      outcomes.set(variation, added(outcomes.get(variation), row, variation));
    }
    return [...outcomes.values()];
  };
}

function added(known: VariationOutcome | undefined, row: Row, variation: string): VariationOutcome {
  return {
    variation,
    subjects: (known?.subjects ?? 0) + numberOf(row, 'subjects'),
    evaluations: (known?.evaluations ?? 0) + numberOf(row, 'evaluations'),
    affected: (known?.affected ?? 0) + numberOf(row, 'affected'),
    events: (known?.events ?? 0) + numberOf(row, 'events'),
    sum: (known?.sum ?? 0) + numberOf(row, 'total'),
    sumOfSquares: (known?.sumOfSquares ?? 0) + numberOf(row, 'squares'),
  };
}
