import { workerData } from 'node:worker_threads';
import { openExposureTables } from './exposure-tables.ts';
import { answerQuestions } from './thread-messages.ts';

answerQuestions(() => openExposureTables(workerData.directory, workerData.options));
