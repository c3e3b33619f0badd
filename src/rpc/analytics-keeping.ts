import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/analytics_service_pb.ts';
import { accountOf, totalOf } from '../app/analytics/ledger-account.ts';
import { replayDeadLetters } from '../app/analytics/replay.ts';
import { SubjectNames } from '../app/exposures/subject-names.ts';
import { existingEnvironment } from '../app/manage/existing.ts';
import { invalid } from '../core/errors.ts';
import { type AnalyticsServiceDeps, recordedIn } from './analytics-service.ts';
import { accountMessage, deadLetterMessage, ledgerEntryMessage, letterLabel } from './convert/ledger.ts';
import { parseEnvironment } from './names.ts';
import { bindingOf, pageSizeOf, pageTokenOf, positionOf } from './paging.ts';

type Service = ServiceImpl<typeof wire.AnalyticsService>;
type Keeping = Pick<Service, 'getLedger' | 'listDeadLetters' | 'replayDeadLetters' | 'eraseSubject'>;

const ENTRIES = 100;
const MAX_ENTRIES = 1_000;
/** Of half a megabyte each. */
const WITH_CONTENT = 5;
const MAX_REPLAYED = 1_000;
const LONGEST_KEY = 10_000;

/** Whether everything was kept that was accepted, and what is not to be kept any more. */
export function keepingMethods(deps: AnalyticsServiceDeps): Keeping {
  return { ...ledgerMethods(deps), eraseSubject: eraseMethod(deps) };
}

function ledgerMethods(deps: AnalyticsServiceDeps): Omit<Keeping, 'eraseSubject'> {
  return {
    async getLedger(request) {
      const { limit } = request;
      if (limit < 0) throw invalid([{ path: 'limit', message: 'must not be negative' }]);
      const { store } = recordedIn(deps);
      const entries = await store.ledger(limit === 0 ? ENTRIES : Math.min(limit, MAX_ENTRIES));
      return {
        total: accountMessage(totalOf(entries)),
        entries: entries.map((entry) => ledgerEntryMessage(entry, accountOf(entry))),
      };
    },

    async listDeadLetters(request) {
      const asked = pageSizeOf(request.pageSize);
      const size = request.includeContent ? Math.min(asked, WITH_CONTENT) : asked;
      const binding = bindingOf(wire.ListDeadLettersRequestSchema, request);
      const after = request.pageToken === '' ? undefined : positionOf(request.pageToken, binding);
      const { store } = recordedIn(deps);
      const letters = request.includeContent
        ? (await store.deadLetters(size + 1, after)).map(deadLetterMessage)
        : (await store.letterLabels(size + 1, after)).map(letterLabel);
      const shown = letters.slice(0, size);
      const last = shown.at(-1);
      const nextPageToken = last !== undefined && letters.length > size ? pageTokenOf(last.id, binding) : '';
      return { deadLetters: shown, nextPageToken };
    },

    async replayDeadLetters({ ids, after }) {
      if (ids.length > MAX_REPLAYED)
        throw invalid([{ path: 'ids', message: `may be at most ${MAX_REPLAYED}` }]);
      const { replayed, failed, last = '' } = await replayDeadLetters(recordedIn(deps).store, ids, after);
      return { replayed: [...replayed], failed: Object.fromEntries(failed), last };
    },
  };
}

function eraseMethod(deps: AnalyticsServiceDeps): Service['eraseSubject'] {
  const { catalog, pepper, clock } = deps;
  return async ({ parent, targetingKey }) => {
    const place = parseEnvironment(parent, 'parent');
    existingEnvironment(catalog.state(place.project), place.environment);
    if (targetingKey === '') throw invalid([{ path: 'targeting_key', message: 'is required' }]);
    if (targetingKey.length > LONGEST_KEY)
      throw invalid([{ path: 'targeting_key', message: `must be at most ${LONGEST_KEY} characters` }]);
    const { store } = recordedIn(deps);
    // Whether keys are hashed may have changed since something was recorded, so both names go.
    const hashed = new SubjectNames(pepper, place).of(targetingKey);
    const now = clock.now();
    const erased = [await store.erase(place, targetingKey, now), await store.erase(place, hashed, now)];
    const sum = (of: 'evaluations' | 'events' | 'contexts') =>
      BigInt(erased.reduce((total, each) => total + each[of], 0));
    return { evaluations: sum('evaluations'), events: sum('events'), contexts: sum('contexts') };
  };
}
