import type { ChangeNotice } from '../../ports/change-bus.ts';
import type { Member, ReplicaReport } from '../../ports/fleet-registry.ts';

/** What processes of one instance say to each other. They are of one version: nothing here is checked. */
export type IpcMessage =
  | { readonly kind: 'notice'; readonly notice: ChangeNotice }
  /** Answered with `done`. */
  | { readonly kind: 'report'; readonly call: number; readonly report: ReplicaReport }
  /** Answered with `done`. */
  | { readonly kind: 'leave'; readonly call: number; readonly id: string }
  /** Answered with `members`. */
  | { readonly kind: 'ask-members'; readonly call: number }
  | { readonly kind: 'done'; readonly call: number }
  | { readonly kind: 'members'; readonly call: number; readonly members: readonly Member[] }
  /** Some other replica has reported. */
  | { readonly kind: 'reported' };
