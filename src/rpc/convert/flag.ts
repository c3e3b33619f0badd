import { create } from '@bufbuild/protobuf';
import {
  type Flag as FlagMessage,
  FlagSchema,
  type Variation as VariationMessage,
  VariationSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { FlagContent } from '../../app/manage/flags.ts';
import type { Stored } from '../../app/project-state.ts';
import type { Flag, Variation } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { flagName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { flagStatuses, flagTypes } from './enums.ts';
import { readJson, readJsonObject, structObject, valueMessage } from './json.ts';
import { type Mistakes, readEnum, readInstant, reading, readRequiredInstant, under } from './reading.ts';

export function flagMessage(project: string, { state: flag, version }: Stored<Flag>): FlagMessage {
  return create(FlagSchema, {
    name: flagName(project, flag.key),
    key: flag.key,
    displayName: flag.name,
    description: flag.description,
    tags: [...flag.tags],
    owner: flag.owner,
    type: flagTypes.toWire(flag.type),
    variations: flag.variations.map(variationMessage),
    defaultVariation: flag.defaultVariation,
    ...(flag.jsonSchema && { jsonSchema: structObject(flag.jsonSchema) }),
    status: flagStatuses.toWire(flag.status),
    clientVisible: flag.clientVisible,
    temporary: flag.temporary,
    ...(flag.removalAt !== undefined && { removalTime: timestampOf(flag.removalAt) }),
    createTime: timestampOf(flag.createdAt),
    updateTime: timestampOf(flag.updatedAt),
    version: BigInt(version),
    etag: etagOf(version),
  });
}

export function variationMessage({ key, value, name = '', description = '' }: Variation): VariationMessage {
  return create(VariationSchema, { key, value: valueMessage(value), displayName: name, description });
}

/** A whole flag, as `flagMessage` made it. Throws `invalid` with every mistake. */
export function flagFrom(message: FlagMessage, path: string): Flag {
  return reading(FlagSchema, message, path, readFlag);
}

/** A flag that is to be made: its name, key, times and version are not looked at. Throws `invalid` with every mistake. */
export function flagContentFrom(message: FlagMessage, path: string): FlagContent {
  return reading(FlagSchema, message, path, readContent);
}

/** Throws `invalid` with every mistake. */
export function variationFrom(message: VariationMessage, path: string): Variation {
  return reading(VariationSchema, message, path, readVariation);
}

function readFlag(message: FlagMessage, path: string, mistakes: Mistakes): Flag {
  return {
    key: message.key,
    ...readContent(message, path, mistakes),
    createdAt: readRequiredInstant(message.createTime, under(path, 'create_time'), mistakes),
    updatedAt: readRequiredInstant(message.updateTime, under(path, 'update_time'), mistakes),
  };
}

function readContent(message: FlagMessage, path: string, mistakes: Mistakes): FlagContent {
  const { type, status, jsonSchema } = message;
  const removalAt = readInstant(message.removalTime, under(path, 'removal_time'), mistakes);
  return {
    name: message.displayName,
    description: message.description,
    tags: [...message.tags],
    owner: message.owner,
    type: readEnum(flagTypes.fromWire(type), type, 'json', under(path, 'type'), mistakes),
    variations: message.variations.map((each, index) =>
      readVariation(each, under(path, `variations[${index}]`), mistakes),
    ),
    defaultVariation: message.defaultVariation,
    ...(jsonSchema && { jsonSchema: readJsonObject(jsonSchema, under(path, 'json_schema'), mistakes) }),
    status: readEnum(flagStatuses.fromWire(status), status, 'draft', under(path, 'status'), mistakes),
    clientVisible: message.clientVisible,
    temporary: message.temporary,
    ...(removalAt !== undefined && { removalAt }),
  };
}

function readVariation(message: VariationMessage, path: string, mistakes: Mistakes): Variation {
  const { key, displayName: name, description } = message;
  return {
    key,
    value: readJson(message.value, under(path, 'value'), mistakes),
    ...(name !== '' && { name }),
    ...(description !== '' && { description }),
  };
}
