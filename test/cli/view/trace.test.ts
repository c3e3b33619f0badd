import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { TraceSchema, type TraceStepSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { traceTree } from '../../../src/cli/view/trace.ts';

type Step = MessageInitShape<typeof TraceStepSchema>;

const tree = (steps: Step[]) => traceTree(create(TraceSchema, { steps }), (_style, text) => text);

const clause: Step = { kind: 'clause', description: 'plan in ["pro", "team"]', outcome: true };
const rollout: Step = {
  kind: 'rollout',
  description: '30 % of it',
  outcome: true,
  bucket: 12_345,
  weight: 30_000,
};

describe('the tree of a trace', () => {
  it('shows each step below what it belongs to', () => {
    const steps: Step[] = [
      { kind: 'prerequisite', description: 'new-cart serves on', outcome: true },
      { kind: 'target', description: 'targeting key has a variation of its own', outcome: false },
      {
        kind: 'rule',
        description: 'staff: serves on',
        outcome: false,
        steps: [{ ...clause, outcome: false }],
      },
      { kind: 'rule', description: 'beta: serves on', outcome: true, steps: [clause, rollout] },
    ];
    expect(tree(steps)).toBe(
      [
        '├─ ✓ prerequisite new-cart serves on',
        '├─ ✗ target targeting key has a variation of its own',
        '├─ ✗ rule staff: serves on',
        '│  └─ ✗ plan in ["pro", "team"]',
        '└─ ✓ rule beta: serves on',
        '   ├─ ✓ plan in ["pro", "team"]',
        '   └─ ✓ rollout 30 % of it, bucket 12,345 of 30,000',
      ].join('\n'),
    );
  });

  it('leaves out the step of the flag itself', () => {
    expect(tree([{ kind: 'flag', description: 'flag checkout', outcome: true, steps: [clause] }])).toBe(
      '└─ ✓ plan in ["pro", "team"]',
    );
  });

  it('writes control characters of descriptions out', () => {
    expect(tree([{ kind: 'clause', description: 'plan eq "\u001b[2J"', outcome: false }])).toBe(
      '└─ ✗ plan eq "\\u001b[2J"',
    );
  });

  it('is green and red where there are colours', () => {
    const painted = traceTree(
      create(TraceSchema, { steps: [clause, { ...clause, outcome: false }] }),
      (style, mark) => {
        return `<${style} ${mark}>`;
      },
    );
    expect(painted).toContain('├─ <green ✓> plan');
    expect(painted).toContain('└─ <red ✗> plan');
  });
});
