import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  HaltFlagRequestSchema,
  HaltFlagResponseSchema,
  ResumeFlagRequestSchema,
  SetRolloutRequestSchema,
  SetRolloutResponseSchema,
} from '../../gen/vexil/v1/flag_service_pb.ts';
import { type Caller, openCaller } from './caller.ts';
import type { Fleet } from './replicas.ts';

/** A write, and when whoever made it knew that it was made. */
export interface Acknowledged {
  readonly revision: number;
  readonly atMs: number;
  readonly tookMs: number;
}

/** A halt that waited for the fleet. */
export interface Halted {
  /** From the call to the answer. */
  readonly tookMs: number;
  /** As the service says it. */
  readonly elapsedMs: number;
  /** Every replica is listed and has it, and nobody can be missing. */
  readonly isComplete: boolean;
}

/** Makes changes through any replica, one at a time. */
export interface Changes extends Disposable {
  /** Moves the rollout of a flag, of the next one each time. */
  write(replica: number): Promise<Acknowledged>;
  /** Halts a flag, waits for all replicas, and resumes it then without waiting. */
  halt(replica: number, waitMs: number): Promise<Halted>;
}

const SERVICE = '/vexil.v1.FlagService';

export async function openChanges({ replicas, adminToken, settings }: Fleet): Promise<Changes> {
  const callers = (method: string) =>
    Promise.all(replicas.map(({ port }) => openCaller(port, `${SERVICE}/${method}`, adminToken)));
  const rollouts = await callers('SetRollout');
  const halts = await callers('HaltFlag');
  const resumes = await callers('ResumeFlag');
  const names = replicas.map(({ name }) => name).join();
  let changes = 0;
  const nextName = () => settings[changes++ % settings.length] ?? '';
  return {
    async write(replica) {
      // Never what it was before.
      const weight = 10_000 + (changes % 50_000);
      const request = create(SetRolloutRequestSchema, { name: nextName(), ruleId: 'rule-0', weight });
      const { message, ...times } = await call(rollouts, replica, toBinary(SetRolloutRequestSchema, request));
      const { receipt } = fromBinary(SetRolloutResponseSchema, message);
      return { revision: Number(receipt?.revision), ...times };
    },
    async halt(replica, waitMs) {
      const name = nextName();
      const request = create(HaltFlagRequestSchema, {
        ...{ name, reason: 'to see how long it takes' },
        options: { waitForFleetMs: waitMs },
      });
      const { message, tookMs } = await call(halts, replica, toBinary(HaltFlagRequestSchema, request));
      const fleet = fromBinary(HaltFlagResponseSchema, message).receipt?.fleet;
      const reached = fleet?.replicas.filter(({ reached: has }) => has).map((each) => each.name);
      const isComplete = fleet?.complete === true && fleet.membersKnown && reached?.join() === names;
      const resume = create(ResumeFlagRequestSchema, { name });
      await call(resumes, replica, toBinary(ResumeFlagRequestSchema, resume));
      return { tookMs, elapsedMs: fleet?.elapsedMs ?? Number.NaN, isComplete };
    },
    [Symbol.dispose]() {
      for (const caller of [...rollouts, ...halts, ...resumes]) caller[Symbol.dispose]();
    },
  };
}

async function call(callers: readonly Caller[], replica: number, message: Uint8Array) {
  const caller = callers[replica];
  if (caller === undefined) throw new Error(`there is no replica ${replica}`);
  return await caller.call(message);
}
