import { type Document, MongoServerError } from 'mongodb';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type { Mongo } from './open-mongo.ts';

/** The server's code for a collection or view that exists. */
const EXISTS = 48;

/** Only what an hour names counts. */
const COUNTED = [
  { $lookup: { from: 'exposure_hours', localField: 'roll', foreignField: 'rolls.id', as: 'hours' } },
  { $match: { hours: { $ne: [] } } },
];

/** Sums by the hour that the hour has not forgotten. */
const SHOWN = [...COUNTED, { $match: { $expr: { $not: { $in: ['$roll', { $first: '$hours.hidden' }] } } } }];

const CELL = {
  ...{ variation: '$cells.variation', reason: '$cells.reason', count: '$cells.count' },
  estimate: '$cells.estimate',
};

/** Views with one document for each evaluation and each event, for whoever looks into the database. */
const VIEWS: Readonly<Record<string, { readonly viewOn: string; readonly pipeline: Document[] }>> = {
  flag_evaluations: {
    viewOn: 'exposure_rows',
    pipeline: [
      ...COUNTED,
      { $unwind: { path: '$rows.time', includeArrayIndex: 'index' } },
      {
        $set: {
          answer: { $arrayElemAt: ['$answers', { $arrayElemAt: ['$rows.answer', '$index'] }] },
          origin: { $arrayElemAt: ['$origins', { $arrayElemAt: ['$rows.origin', '$index'] }] },
        },
      },
      {
        $project: {
          ...{
            _id: 0,
            time: { $toDate: { $toLong: '$rows.time' } },
            time_ms: '$rows.time',
            project: 1,
            environment: 1,
          },
          ...{ flag: 1, flag_version: '$answer.flagVersion', revision: '$answer.revision' },
          ...{ variation: '$answer.variation', reason: '$answer.reason', rule_id: '$answer.ruleId' },
          ...{ error_code: '$answer.errorCode', source: '$origin.source', client: '$origin.client' },
          subject: { $arrayElemAt: ['$rows.subject', '$index'] },
          count: { $arrayElemAt: ['$rows.count', '$index'] },
          weight: { $arrayElemAt: ['$rows.weight', '$index'] },
        },
      },
    ],
  },
  flag_hours: {
    viewOn: 'exposure_totals',
    pipeline: [
      ...SHOWN,
      { $unwind: '$cells' },
      { $set: { at_ms: { $multiply: ['$hour', HOUR_MS] } } },
      {
        $project: {
          ...{ _id: 0, at: { $toDate: { $toLong: '$at_ms' } }, at_ms: 1, project: 1, environment: 1 },
          ...{ flag: '$cells.flag', ...CELL },
        },
      },
    ],
  },
  flag_minutes: {
    viewOn: 'exposure_minutes',
    pipeline: [
      ...COUNTED,
      { $unwind: '$cells' },
      {
        $project: {
          ...{ _id: 0, at: { $toDate: { $toLong: '$cells.at' } }, at_ms: '$cells.at', project: 1 },
          ...{ environment: 1, flag: 1, ...CELL },
        },
      },
    ],
  },
  flag_events: {
    viewOn: 'exposure_events',
    pipeline: [
      ...COUNTED,
      { $unwind: '$events' },
      {
        $project: {
          ...{ _id: 0, time: { $toDate: { $toLong: '$events.time' } }, time_ms: '$events.time', project: 1 },
          ...{ environment: 1, event: '$events.event', kind: '$events.kind', subject: '$events.subject' },
          ...{ flag: '$events.flag', value: '$events.value', count: '$events.count' },
        },
      },
    ],
  },
};

/** Makes the views, or makes them anew as this version of the program wants them. A collection of that name stays. */
export async function makeExposureViews(mongo: Mongo): Promise<void> {
  const { db } = mongo;
  const named = { name: { $in: Object.keys(VIEWS) } };
  const found = await mongo.run(() => db.listCollections(named).toArray());
  for (const [name, view] of Object.entries(VIEWS)) {
    const known = found.find((one) => one.name === name);
    if (known !== undefined && (known.type !== 'view' || isSame(known, view))) continue;
    if (known !== undefined) await mongo.run(() => db.dropCollection(name));
    await mongo.run(() => db.createCollection(name, view)).catch(unlessThere);
  }
}

function isSame(known: object, { pipeline }: { readonly pipeline: Document[] }): boolean {
  const options = 'options' in known ? (known.options as Document) : undefined;
  return JSON.stringify(options?.pipeline) === JSON.stringify(pipeline);
}

/** Another process was faster. */
function unlessThere(error: unknown): void {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof MongoServerError) || cause.code !== EXISTS) throw error;
}
