import type { EventKind, OutcomeQuery, RecordedPlace, VariationOutcome } from '../../ports/exposure-store.ts';
import { numberOf, type Row, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

const KINDS: readonly EventKind[] = ['metric', 'error', 'crash'];

/**
 * Who was told what is worked out first, then what happened to them; both from one moment, for it is one query. Bounded by
 * what there is of one flag and of the events in the period, whatever else there is. Most are told one thing all the time,
 * so that only when they were told it first matters; only the others have their lines gone through, in the order of time.
 */
const OUTCOMES = `
  WITH place AS (SELECT id FROM places WHERE project = :project AND environment = :environment),
  about AS (SELECT id FROM flags WHERE place = (SELECT id FROM place) AND flag = :flag),
  by_answer AS (
    SELECT e.answer, e.subject, MIN(e.time) AS first_at, SUM(e.count) AS evaluations FROM evaluations AS e NOT INDEXED
    WHERE e.flag = (SELECT id FROM about) AND e.time >= :from AND e.time < :to GROUP BY e.answer, e.subject
  ),
  told AS MATERIALIZED (
    SELECT a.variation, :rule IS NULL OR a.rule_id = :rule AS is_asked, g.subject,
      MIN(g.first_at) AS first_at, SUM(g.evaluations) AS evaluations
    FROM by_answer AS g CROSS JOIN answers AS a ON a.id = g.answer GROUP BY a.variation, is_asked, g.subject
  ),
  known AS MATERIALIZED (
    SELECT subject, COUNT(*) AS things, MIN(variation) AS variation, MIN(is_asked) AS is_asked, MIN(first_at) AS first_at
    FROM told WHERE subject > 0 GROUP BY subject
  ),
  theirs AS MATERIALIZED (
    SELECT v.subject, v.time, v.count, COALESCE(v.value, 0) AS value, k.things, k.variation, k.is_asked
    FROM event_names AS n CROSS JOIN events AS v ON v.name = n.id CROSS JOIN known AS k ON k.subject = v.subject
    WHERE n.place = (SELECT id FROM place) AND (:event IS NULL OR n.event = :event) AND instr(:kinds, n.kind)
      AND v.time >= :from AND v.time < :to AND v.time >= k.first_at
      AND (v.flag IS NULL OR v.flag = (SELECT id FROM about))
  ),
  turns AS MATERIALIZED (
    SELECT DISTINCT e.subject, e.time, a.variation, :rule IS NULL OR a.rule_id = :rule AS is_asked
    FROM evaluations AS e NOT INDEXED CROSS JOIN answers AS a ON a.id = e.answer
    WHERE EXISTS (SELECT 1 FROM theirs WHERE things > 1) AND e.flag = (SELECT id FROM about)
      AND e.time >= :from AND e.time < :to AND e.subject IN (SELECT subject FROM theirs WHERE things > 1)
  ),
  lines AS (
    SELECT subject, time, time AS told_at, 0 AS count, 0 AS value FROM turns
    UNION ALL SELECT subject, time, NULL, count, value FROM theirs WHERE things > 1
  ),
  placed AS MATERIALIZED (
    SELECT subject, count, value,
      MAX(told_at) OVER (PARTITION BY subject ORDER BY time, told_at IS NULL ROWS UNBOUNDED PRECEDING) AS told_at
    FROM lines
  ),
  happened AS (
    SELECT variation, subject, SUM(count) AS events, SUM(value * count) AS total FROM (
      SELECT variation, subject, count, value FROM theirs WHERE things = 1 AND is_asked
      UNION ALL
      SELECT t.variation, p.subject, p.count, p.value FROM placed AS p
      CROSS JOIN turns AS t ON t.subject = p.subject AND t.time = p.told_at
      WHERE p.count > 0 AND t.is_asked
    ) GROUP BY variation, subject
  )
  SELECT variation, COUNT(NULLIF(subject, 0)) AS subjects, SUM(evaluations) AS evaluations,
    0 AS affected, 0 AS events, 0.0 AS total, 0.0 AS squares FROM told WHERE is_asked GROUP BY variation
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
