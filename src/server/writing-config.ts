import { z } from 'zod';
import type { RetentionTimes } from '../app/exposures/retention.ts';

/** What a replica is there for. */
export interface Roles {
  /** Answers calls, on the public port. */
  readonly evaluate: boolean;
  /** Brings what was recorded into tables. */
  readonly write: boolean;
}

const DAY_MS = 86_400_000;
const ROLES = ['evaluate', 'write'] as const;

/** The variables, as texts that are well-formed one by one. */
export const WRITING_VARIABLES = {
  VEXIL_ROLES: z
    .string()
    .transform((text) => text.split(',').map((role) => role.trim()))
    .refine(
      (roles) => roles.every((role) => ROLES.some((known) => known === role)),
      `must be one or more of ${ROLES.join(', ')}, with commas between them`,
    )
    .default([...ROLES]),
  VEXIL_RETENTION_ROWS_DAYS: days(30),
  VEXIL_RETENTION_MINUTES_DAYS: days(7),
  VEXIL_RETENTION_ROLLUPS_DAYS: days(400),
};

export function rolesOf({ VEXIL_ROLES: roles }: { readonly VEXIL_ROLES: readonly string[] }): Roles {
  return { evaluate: roles.includes('evaluate'), write: roles.includes('write') };
}

export function retentionOf(given: {
  readonly VEXIL_RETENTION_ROWS_DAYS: number;
  readonly VEXIL_RETENTION_MINUTES_DAYS: number;
  readonly VEXIL_RETENTION_ROLLUPS_DAYS: number;
}): RetentionTimes {
  return {
    rowsMs: given.VEXIL_RETENTION_ROWS_DAYS * DAY_MS,
    minutesMs: given.VEXIL_RETENTION_MINUTES_DAYS * DAY_MS,
    rollupsMs: given.VEXIL_RETENTION_ROLLUPS_DAYS * DAY_MS,
  };
}

function days(standard: number) {
  return z
    .string()
    .refine((text) => /^[1-9]\d{0,3}$/.test(text), 'must be a whole number from 1 to 9999')
    .transform(Number)
    .default(standard);
}
