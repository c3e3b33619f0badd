import type { DescEnum } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  FlagStatusSchema,
  FlagTypeSchema,
  HashAlgorithmSchema,
  OperatorSchema,
  ReleaseStateSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { ErrorCodeSchema, ReasonSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import {
  errorCodes,
  flagStatuses,
  flagTypes,
  hashAlgorithms,
  operators,
  type Pairing,
  reasons,
  releaseStates,
} from '../../../src/rpc/convert/enums.ts';

const cases: [DescEnum, Pairing<string, number>][] = [
  [FlagTypeSchema, flagTypes],
  [FlagStatusSchema, flagStatuses],
  [HashAlgorithmSchema, hashAlgorithms],
  [OperatorSchema, operators],
  [ReleaseStateSchema, releaseStates],
  [ReasonSchema, reasons],
  [ErrorCodeSchema, errorCodes],
];

describe.each(cases)('%s', (schema, pairing) => {
  it('has a name of its own for every number but unspecified', () => {
    const numbers = schema.values.map(({ number }) => number).filter((number) => number !== 0);
    const names = numbers.map((number) => pairing.fromWire(number));
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(numbers.length);
  });

  it('has none for unspecified and for numbers of a newer build', () => {
    expect(pairing.fromWire(0)).toBeUndefined();
    expect(pairing.fromWire(1_000)).toBeUndefined();
  });

  it('sends a name of a newer build as unspecified', () => {
    const name: string = 'constructor';
    expect(pairing.toWire(name)).toBe(0);
  });
});
