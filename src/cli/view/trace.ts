import type { Trace, TraceStep } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Paint } from '../printer.ts';
import { printable } from './table.ts';

/** Kinds that a description does not make clear by itself. */
const named: ReadonlySet<string> = new Set(['prerequisite', 'target', 'rule', 'release', 'rollout', 'split']);

/**
 * The steps of an evaluation as a tree:
 *
 *     ├─ ✗ prerequisite new-cart serves on
 *     └─ ✓ rule beta: serves on
 *        └─ ✓ rollout 30 %, bucket 12,345 of 30,000
 */
export function traceTree(trace: Trace, paint: Paint): string {
  return branches(topSteps(trace), '', paint).join('\n');
}

/** The step for the flag itself says nothing that its answer does not. */
function topSteps({ steps }: Trace): readonly TraceStep[] {
  const [only, ...others] = steps;
  return only?.kind === 'flag' && others.length === 0 ? only.steps : steps;
}

function branches(steps: readonly TraceStep[], indent: string, paint: Paint): string[] {
  return steps.flatMap((step, index) => {
    const isLast = index === steps.length - 1;
    const line = `${indent}${isLast ? '└─' : '├─'} ${mark(step, paint)} ${stepText(step)}`;
    return [line, ...branches(step.steps, `${indent}${isLast ? '   ' : '│  '}`, paint)];
  });
}

function mark({ outcome }: TraceStep, paint: Paint): string {
  return outcome ? paint('green', '✓') : paint('red', '✗');
}

function stepText({ kind, description, bucket, weight }: TraceStep): string {
  const isClear = !named.has(kind) || description.startsWith(`${kind} `);
  const words = isClear ? description || kind : `${kind} ${description}`.trimEnd();
  if (bucket === undefined) return printable(words);
  const held = weight === undefined ? '' : ` of ${grouped(weight)}`;
  return `${printable(words)}, bucket ${grouped(bucket)}${held}`;
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
