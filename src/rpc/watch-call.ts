import type { WatchFlagsRequest } from '../../gen/vexil/v1/evaluation_pb.ts';
import type { ContextLimits } from '../app/decisions.ts';
import { snapshotAt } from '../app/environment-access.ts';
import type { Principal } from '../app/principal.ts';
import type { WatchRequest } from '../app/watch-request.ts';
import { FlagError, invalid } from '../core/errors.ts';
import { contextFrom } from './convert/context.ts';
import type { EvaluationParts } from './evaluation-parts.ts';
import { checkClient, checkedFlagKeys, clientName, placeIn } from './hot/checked-query.ts';

/** What a WatchFlags call asks for. Throws a FlagError for what cannot be watched, or not by this caller. */
export function watchRequestFrom(
  { catalog, contextLimits }: EvaluationParts,
  principal: Principal,
  request: WatchFlagsRequest,
  terminate: () => void,
): WatchRequest {
  const place = placeIn(principal, request.environment);
  checkClient(request.client);
  snapshotAt(catalog, place);
  return {
    principal,
    place,
    view: viewFrom(request, principal, contextLimits),
    flagKeys: checkedFlagKeys(request.flagKeys),
    resumeToken: request.resumeToken,
    client: clientName(request.client),
    terminate,
  };
}

function viewFrom(
  request: WatchFlagsRequest,
  principal: Principal,
  limits: ContextLimits,
): WatchRequest['view'] {
  switch (request.view.case) {
    case 'decisions':
      return { kind: 'decisions', context: contextFrom(request.view.value.context, limits) };
    case 'definitions':
      if (principal.kind === 'web')
        throw new FlagError('forbidden', 'a web key may watch decisions only', { reason: 'KEY_KIND' });
      return { kind: 'definitions' };
    case undefined:
      throw invalid([{ path: 'view', message: 'must be definitions or decisions' }]);
  }
}
