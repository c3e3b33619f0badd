import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/analytics_service_pb.ts';
import {
  exportRows,
  isViewed,
  positionIn,
  postHogEvent,
  type RowPage,
  resumeTokenOf,
  segmentEvent,
} from '../app/analytics/export.ts';
import type { Place } from '../app/environment-access.ts';
import { existingEnvironment } from '../app/manage/existing.ts';
import { invalid } from '../core/errors.ts';
import { DAY_MS } from '../core/time.ts';
import { periodFrom } from './analytics-place.ts';
import { type AnalyticsServiceDeps, recordedIn } from './analytics-service.ts';
import { exportedMessage } from './convert/exported.ts';
import { structObject } from './convert/json.ts';
import { checkedKey, parseEnvironment } from './names.ts';

type Service = ServiceImpl<typeof wire.AnalyticsService>;

export function exportMethod(deps: AnalyticsServiceDeps): Service['exportEvaluations'] {
  const { catalog, clock } = deps;
  return async function* (request, { signal }) {
    const place = parseEnvironment(request.parent, 'parent');
    existingEnvironment(catalog.state(place.project), place.environment);
    const { flag, subject, resumeToken } = request;
    const after = resumeToken === '' ? undefined : positionIn(resumeToken);
    const { from, to } = periodFrom(request, clock, DAY_MS);
    const contentOf = contentIn(request.format, place);
    const query = {
      // A period that is counted from now begins later each time: what is between would be in no export.
      ...{ from: Math.min(from, after?.time ?? from), to },
      ...(flag !== '' && { flag: checkedKey(flag, 'flag') }),
      ...(subject !== '' && { subject }),
      ...(after && { after }),
    };
    for await (const page of exportRows(recordedIn(deps).store, place, query, signal))
      yield { ...contentOf(page), resumeToken: resumeTokenOf(page.position) };
  };
}

type Content = (page: RowPage) => Pick<wire.ExportEvaluationsResponse, 'rows' | 'events' | 'skipped'>;

function contentIn(format: wire.ExportFormat, place: Place): Content {
  switch (format) {
    case wire.ExportFormat.UNSPECIFIED:
    case wire.ExportFormat.ROWS:
      return ({ rows }) => ({ rows: rows.map(exportedMessage), events: [], skipped: 0n });
    case wire.ExportFormat.SEGMENT:
      return (page) => eventsOf(page, (row) => segmentEvent(row, place));
    case wire.ExportFormat.POSTHOG:
      return (page) => eventsOf(page, (row) => postHogEvent(row, place));
    default:
      throw invalid([{ path: 'format', message: 'is not a known format' }]);
  }
}

function eventsOf(
  { rows }: RowPage,
  eventOf: (row: RowPage['rows'][number]) => ReturnType<typeof segmentEvent>,
) {
  const viewed = rows.filter(isViewed);
  const events = viewed.map((row) => structObject(eventOf(row)));
  return { rows: [], events, skipped: BigInt(rows.length - viewed.length) };
}
