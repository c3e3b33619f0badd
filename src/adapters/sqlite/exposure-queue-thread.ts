import { workerData } from 'node:worker_threads';
import { EXPOSURE_QUEUE_SCHEMA } from './exposure-parcels.ts';
import { openDatabase } from './open-database.ts';
import { parcelWrites } from './parcel-writes.ts';
import { answerQuestions } from './thread-messages.ts';

const { directory, options, maxBytes } = workerData;

answerQuestions(async () =>
  parcelWrites(await openDatabase(directory, EXPOSURE_QUEUE_SCHEMA, options), maxBytes, Date.now),
);
