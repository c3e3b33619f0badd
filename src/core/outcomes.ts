import type { Flag, FlagType, Json, Variation } from './model.ts';
import type { ErrorCode, Outcome, Reason } from './outcome.ts';

/** Makes the outcomes of one flag. */
export interface OutcomeMaker {
  /** A variation that does not exist, or whose value is not of the flag's type, gives an outcome without a value. */
  serve(variation: string, reason: Reason, extra?: Extra): Outcome;
  /** The default variation, because something went wrong. */
  fail(errorCode: ErrorCode, detail: string): Outcome;
  /** Whether the flag has this variation. */
  has(variation: string): boolean;
}

export interface Extra {
  readonly detail?: string;
  readonly ruleId?: string;
  readonly recordExposures?: boolean;
  readonly errorCode?: ErrorCode;
}

/** For one version of a flag in one environment. `isStatic` holds for every outcome but errors. */
export function outcomeMaker(
  flag: Flag,
  defaultVariation: string,
  version: number,
  isStatic: boolean,
): OutcomeMaker {
  const variations = new Map<string, Variation>();
  for (const variation of flag.variations) {
    if (isOfType(variation.value, flag.type)) variations.set(variation.key, variation);
  }
  const serve = (key: string, reason: Reason, extra: Extra = {}): Outcome => {
    const variation = variations.get(key);
    return {
      flag: flag.key,
      value: variation?.value,
      type: flag.type,
      variation: variation?.key ?? '',
      reason,
      errorCode: extra.errorCode,
      detail: extra.detail ?? '',
      ruleId: extra.ruleId ?? '',
      flagVersion: version,
      isStatic: isStatic && reason !== 'ERROR',
      clientVisible: flag.clientVisible,
      recordExposures: extra.recordExposures ?? true,
    };
  };
  return {
    serve,
    fail: (errorCode, detail) => serve(defaultVariation, 'ERROR', { errorCode, detail }),
    has: (key) => variations.has(key),
  };
}

/** Of a flag that is unknown, archived, or so broken that it has not even a default variation. */
export function valueless(flag: string, errorCode: ErrorCode, detail: string, version: number): Outcome {
  return {
    flag,
    value: undefined,
    type: undefined,
    variation: '',
    reason: 'ERROR',
    errorCode,
    detail,
    ruleId: '',
    flagVersion: version,
    isStatic: false,
    clientVisible: false,
    recordExposures: true,
  };
}

/** Whether a value may be a variation of a flag of this type. */
export function isOfType(value: Json, type: FlagType): boolean {
  switch (type) {
    case 'json':
      return typeof value === 'object' && value !== null;
    case 'number':
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}
