import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ChangeReceiptSchema } from '../../../gen/vexil/v1/changes_pb.ts';
import { receiptLine } from '../../../src/cli/view/receipt.ts';

const deed = { subject: 'flag checkout', done: 'halted', where: 'in production', reason: 'too many errors' };

describe('the line about a change', () => {
  it('says what, where, since when and why', () => {
    const receipt = create(ChangeReceiptSchema, { revision: 12n });
    expect(receiptLine(deed, receipt)).toBe(
      'flag checkout halted in production at revision 12: too many errors',
    );
  });

  it('says that nothing changed', () => {
    const receipt = create(ChangeReceiptSchema, { revision: 12n, unchanged: true });
    expect(receiptLine(deed, receipt)).toBe(
      'flag checkout was already halted in production, nothing changed',
    );
  });

  it('says that an earlier call did it', () => {
    const receipt = create(ChangeReceiptSchema, { revision: 11n, replayed: true });
    expect(receiptLine(deed, receipt)).toBe(
      'flag checkout halted in production at revision 11 by an earlier call',
    );
  });

  it('says that a dry run did nothing', () => {
    const receipt = create(ChangeReceiptSchema, { revision: 12n, unchanged: true });
    expect(receiptLine({ ...deed, dryRun: true }, receipt)).toBe(
      'dry run: flag checkout would be halted in production',
    );
  });
});
