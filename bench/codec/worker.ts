import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  EvaluateAllRequestSchema,
  EvaluateAllResponseSchema,
  EvaluateRequestSchema,
  EvaluateResponseSchema,
} from '../../gen/vexil/v1/evaluation_pb.ts';
import { decide, decideAll } from '../../src/app/decisions.ts';
import { evaluateAllResponse, evaluateResponse } from '../../src/rpc/convert/evaluated.ts';
import { evaluateAllQuery, evaluateQuery } from '../../src/rpc/wire/query-of.ts';
import { readEvaluate, readEvaluateAll } from '../../src/rpc/wire/read-queries.ts';
import { writeEvaluated, writeEvaluatedAll } from '../../src/rpc/wire/write-answers.ts';
import { at } from '../evaluator/contender.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { snapshotOf } from '../evaluator/vexil.ts';
import { answer, ownTask } from '../lib/isolate.ts';
import { measure } from '../lib/measure.ts';
import { evaluateAllRequests, evaluateRequests } from '../service/requests.ts';
import type { CodecJob } from './codec.ts';

// A process of its own: reads requests, decides, and writes answers, by hand or with the generic library.

const { step, way, scenario: name, timing } = ownTask<CodecJob>();
const scenario = scenarioOf(name);
const snapshot = snapshotOf(scenario);
const nowMs = Date.now();
const isOne = scenario.asks.kind === 'one';
const messages = (
  scenario.asks.kind === 'one'
    ? evaluateRequests(scenario.asks.flag, scenario.users)
    : evaluateAllRequests(scenario.users)
).map((message) => Buffer.from(message, 'base64'));

const read = readerOf();
const queries = messages.map((message) => read(message));
const decided = queries.map(decideOn);
const write = writerOf();
answer(await measure({ kind: 'sync', run: runOf() }, messages.length, timing));

type Query = ReturnType<typeof readEvaluate> | ReturnType<typeof readEvaluateAll>;

function runOf(): (index: number) => number {
  switch (step) {
    case 'read':
      return (index) => read(at(messages, index)).minRevision;
    case 'decide':
      return (index) => decideOn(at(queries, index)).length;
    case 'write':
      return (index) => write(at(decided, index)).length;
    case 'answer':
      return (index) => write(decideOn(read(at(messages, index)))).length;
  }
}

function readerOf(): (message: Uint8Array) => Query {
  if (way === 'by hand') return isOne ? readEvaluate : readEvaluateAll;
  const options = { readUnknownFields: false };
  return isOne
    ? (message) => evaluateQuery(fromBinary(EvaluateRequestSchema, message, options))
    : (message) => evaluateAllQuery(fromBinary(EvaluateAllRequestSchema, message, options));
}

function decideOn(query: Query) {
  const { context } = query.context;
  return 'flagKey' in query
    ? [decide(snapshot, query.flagKey, context, nowMs, false)]
    : decideAll(snapshot, context, nowMs, { clientVisibleOnly: false }).outcomes;
}

function writerOf(): (outcomes: ReturnType<typeof decideOn>) => Uint8Array {
  const { revision } = snapshot;
  const steps = undefined;
  const whole = snapshot;
  if (way === 'by hand')
    return isOne
      ? (outcomes) => writeEvaluated('proto', at(outcomes, 0), revision)
      : (outcomes) => writeEvaluatedAll('proto', { outcomes, revision, whole });
  return isOne
    ? (outcomes) =>
        toBinary(EvaluateResponseSchema, evaluateResponse({ outcome: at(outcomes, 0), revision, steps }))
    : (outcomes) => toBinary(EvaluateAllResponseSchema, evaluateAllResponse({ outcomes, revision, whole }));
}
