import { z } from 'zod';

/** How evaluations and events are recorded. */
export interface ExposureSettings {
  /** Of memory, for what is recorded and not in the queue yet; in each process. */
  readonly bufferBytes: number;
  /** What the queue holds at most. */
  readonly queueBytes: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The variables, as texts that are well-formed one by one. */
export const EXPOSURE_VARIABLES = {
  VEXIL_EXPOSURES: z.enum(['on', 'off'], { error: 'must be one of on, off' }).default('on'),
  VEXIL_EXPOSURES_BUFFER_BYTES: bytes(MIB, GIB, 32 * MIB),
  VEXIL_EXPOSURES_QUEUE_BYTES: bytes(MIB, 1_024 * GIB, GIB),
};

/** Undefined: nothing is recorded. */
export function exposuresOf(given: {
  readonly VEXIL_EXPOSURES: 'on' | 'off';
  readonly VEXIL_EXPOSURES_BUFFER_BYTES: number;
  readonly VEXIL_EXPOSURES_QUEUE_BYTES: number;
}): ExposureSettings | undefined {
  if (given.VEXIL_EXPOSURES === 'off') return undefined;
  return { bufferBytes: given.VEXIL_EXPOSURES_BUFFER_BYTES, queueBytes: given.VEXIL_EXPOSURES_QUEUE_BYTES };
}

function bytes(min: number, max: number, standard: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, message)
    .transform(Number)
    .default(standard);
}
