import { archiveFlag, createFlag, deleteFlag } from '../../../src/app/manage/flags.ts';
import { revertTo } from '../../../src/app/manage/revert.ts';
import { scheduleChange } from '../../../src/app/manage/schedule.ts';
import { updateSegment } from '../../../src/app/manage/segments.ts';
import { haltFlag, resumeFlag } from '../../../src/app/manage/settings.ts';
import { setTarget } from '../../../src/app/manage/targets.ts';
import { updateVariation } from '../../../src/app/manage/variations.ts';
import type { PastStates } from '../../../src/app/past-states.ts';
import type { Plan } from '../../../src/app/writer.ts';
import type { WriteRequest } from '../clients/service.ts';

/** What the API would make of a wish. */
export async function planOf(
  { key, wish, expectedVersion }: WriteRequest,
  parts: { readonly project: string; readonly environment: string; readonly past: PastStates },
): Promise<Plan> {
  const { environment } = parts;
  switch (wish.kind) {
    case 'create_flag':
      return newFlag(wish.flag, environment);
    case 'archive_flag':
      return archiveFlag(wish.flag);
    case 'delete_flag':
      return deleteFlag(wish.flag);
    case 'set_value':
      return updateVariation(wish.flag, { key: 'a', value: wish.value }, expectedVersion);
    case 'halt_flag':
      return haltFlag({ environment, flag: wish.flag }, { by: 'writer', reason: key });
    case 'resume_flag':
      return resumeFlag({ environment, flag: wish.flag });
    case 'plan': {
      const action = wish.halts ? ({ kind: 'halt', reason: key } as const) : ({ kind: 'resume' } as const);
      return scheduleChange({ environment, flag: wish.flag }, { id: key, at: wish.at, action, by: 'writer' });
    }
    case 'add_target':
      return setTarget({ environment: wish.environment, flag: wish.flag }, 'b', [wish.user]);
    case 'set_segment':
      return updateSegment(wish.segment, { included: wish.included });
    case 'revert_to':
      return revertTo(await parts.past.at(parts.project, wish.revision), undefined);
  }
}

/** A flag of text, `a` by default and `b` for targets. */
export function newFlag(key: string, environment: string): Plan {
  return createFlag({
    ...{ key, name: '', description: '', tags: [], owner: '', type: 'string', status: 'active' },
    ...{ defaultVariation: 'a', clientVisible: false, temporary: false, enabledIn: [environment] },
    variations: [
      { key: 'a', value: 'first' },
      { key: 'b', value: 'other' },
    ],
  });
}
