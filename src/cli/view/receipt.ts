import type { ChangeReceipt } from '../../../gen/vexil/v1/changes_pb.ts';
import { printable } from './table.ts';

/** What a command was asked to do, in words. */
export interface Deed {
  /** `flag checkout` */
  readonly subject: string;
  /** `halted` */
  readonly done: string;
  /** `in production` */
  readonly where?: string;
  readonly reason?: string;
  /** Only checked, not done. */
  readonly dryRun?: boolean;
  /** Until every replica has it, because the user says so. */
  readonly waits?: boolean;
}

/** One line about a change: `flag checkout halted in production at revision 12: too many errors`. */
export function receiptLine(deed: Deed, receipt: ChangeReceipt | undefined): string {
  const where = deed.where ? ` ${deed.where}` : '';
  const reason = deed.reason ? `: ${deed.reason}` : '';
  const revision = receipt === undefined ? '' : ` at revision ${receipt.revision}`;
  const line = () => {
    if (deed.dryRun) return `dry run: ${deed.subject} would be ${deed.done}${where}`;
    if (receipt?.unchanged) return `${deed.subject} was already ${deed.done}${where}, nothing changed`;
    if (receipt?.replayed) return `${deed.subject} ${deed.done}${where}${revision} by an earlier call`;
    return `${deed.subject} ${deed.done}${where}${revision}${reason}`;
  };
  return printable(line());
}
