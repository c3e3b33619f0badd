import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { Binary } from 'mongodb';
import { canonicalJson } from '../../core/canonical-json.ts';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type {
  RecordedBatch,
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import { FORMAT, type PartDocument } from './exposure-documents.ts';

/** More than any batch is. */
const MAX_CONTENT_BYTES = 256 * 2 ** 20;

const PACKING = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

/** What a part holds until its hour has it. */
export interface Content {
  readonly evaluations: readonly RecordedEvaluation[];
  readonly events: readonly RecordedEvent[];
  readonly contexts: readonly RecordedContext[];
}

/** A part with all that is in it. */
export interface OpenPart extends Content {
  readonly id: string;
  readonly process: string;
  readonly place: RecordedPlace;
  readonly hour: number;
}

type Row = readonly (string | number | null)[];

/** The document that commits a batch. */
export async function partOf(batch: RecordedBatch): Promise<PartDocument> {
  const { id, process, sequence, digest, place, hour, units, acceptedSoFar, evaluations, events } = batch;
  const packed = await promisify(zstdCompress)(contentText(batch), { params: PACKING });
  const times = [...evaluations, ...events].map(({ time }) => time);
  const sealed = {
    ...{ format: FORMAT, process, sequence, digest, ...place, hour, units, accepted: acceptedSoFar },
    losses: batch.losses.map(({ reason, units, sequence: of }) =>
      of === undefined ? { reason, units } : { reason, units, sequence: of },
    ),
    firstAt: times.reduce((first, time) => Math.min(first, time), times[0] ?? hour * HOUR_MS),
    lastAt: times.reduce((last, time) => Math.max(last, time), times[0] ?? hour * HOUR_MS),
    rows: evaluations.length + events.length,
  };
  return {
    ...{ _id: id, ...sealed, checksum: checksumOf(sealed), storedAt: new Date() },
    ...{ open: true, unfolded: true, content: new Binary(packed) },
  };
}

/** Undefined for a document that is not what was stored. */
export async function openPartIn(part: PartDocument): Promise<OpenPart | undefined> {
  if (!isSound(part) || !(part.content instanceof Binary)) return undefined;
  try {
    const packed = part.content.value();
    const text = await promisify(zstdDecompress)(packed, { maxOutputLength: MAX_CONTENT_BYTES });
    const content = contentIn(text.toString());
    const { process, project, environment, hour } = part;
    return { id: part._id, process, place: { project, environment }, hour, ...content };
  } catch {
    // Of zstd, which has a checksum of its own, or of JSON.
    return undefined;
  }
}

/** Whether a part says what it said when it was stored, its content aside. */
export function isSound(part: PartDocument): boolean {
  const { format, process, sequence, digest, project, environment, hour, units, accepted, losses } = part;
  const { firstAt, lastAt, rows, checksum } = part;
  if (format !== FORMAT || part._id !== `${process}:${sequence}`) return false;
  const sealed = { format, process, sequence, digest, project, environment, hour, units, accepted, losses };
  try {
    return checksumOf({ ...sealed, firstAt, lastAt, rows }) === checksum;
  } catch {
    return false;
  }
}

function checksumOf(sealed: object): string {
  return createHash('sha256').update(canonicalJson(sealed)).digest('hex').slice(0, 32);
}

function contentText({ evaluations, events, contexts }: RecordedBatch): string {
  return JSON.stringify({
    evaluations: evaluations.map(
      (one): Row => [
        ...[one.time, one.flag, one.flagVersion, one.revision, one.variation, one.reason],
        ...[one.errorCode ?? null, one.ruleId, one.subject, one.source, one.client, one.count, one.weight],
      ],
    ),
    events: events.map(({ time, event, kind, subject, flag, value, count }) => ({
      ...{ time, event, kind, subject, flag, value, count },
    })),
    contexts: contexts.map(({ subject, attributes, seenAt }) => ({ subject, attributes, seenAt })),
  });
}

function contentIn(text: string): Content {
  const { evaluations, events, contexts } = JSON.parse(text);
  return { evaluations: evaluations.map(evaluationIn), events, contexts };
}

function evaluationIn(row: Row): RecordedEvaluation {
  const [time, flag, flagVersion, revision, variation, reason, errorCode, ...others] = row;
  const [ruleId, subject, source, client, count, weight] = others;
  const known = { time, flag, flagVersion, revision, variation, reason, ruleId, subject, source };
  return {
    ...known,
    ...(errorCode !== null && { errorCode }),
    ...{ client, count, weight },
  } as RecordedEvaluation;
}
