import {
  type DescMessage,
  fromBinary,
  fromJson,
  type MessageShape,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FlagSchema,
  FlagSettingsSchema,
  ReleaseSchema,
  SegmentSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagDefinitionSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { canonicalJson } from '../../../src/core/canonical-json.ts';
import { flagDefinitionMessage } from '../../../src/rpc/convert/definition.ts';
import { releaseStates } from '../../../src/rpc/convert/enums.ts';
import { flagFrom, flagMessage } from '../../../src/rpc/convert/flag.ts';
import { present } from '../../../src/rpc/convert/reading.ts';
import { releaseContentFrom, releaseMessage } from '../../../src/rpc/convert/release.ts';
import { segmentContentFrom, segmentMessage } from '../../../src/rpc/convert/segment.ts';
import { settingsFrom, settingsMessage } from '../../../src/rpc/convert/settings.ts';
import { timestampOf } from '../../../src/rpc/timestamp.ts';
import * as any from './arbitraries.ts';

/** Over the wire in both of its formats, so that nothing survives only because it stayed in memory. */
function sent<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): MessageShape<Desc> {
  const decoded = fromBinary(schema, toBinary(schema, message));
  return fromJson(schema, JSON.parse(JSON.stringify(toJson(schema, decoded))));
}

const version = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe('an object that goes over the wire comes back the same', () => {
  it('as a flag', () => {
    fc.assert(
      fc.property(any.flag, version, (state, at) => {
        const message = sent(FlagSchema, flagMessage('shop', { state, version: at }));
        expect(canonicalJson(flagFrom(message, 'flag'))).toBe(canonicalJson(state));
        expect(message.version).toBe(BigInt(at));
        expect(message.etag).toBe(`"${at}"`);
        expect(message.name).toBe(`projects/shop/flags/${state.key}`);
      }),
    );
  });

  it('as the settings of a flag', () => {
    fc.assert(
      fc.property(any.settings, version, (state, at) => {
        const message = sent(
          FlagSettingsSchema,
          settingsMessage('shop', 'production', { state, version: at }),
        );
        expect(canonicalJson(settingsFrom(message, 'settings'))).toBe(canonicalJson(state));
        expect(message.version).toBe(BigInt(at));
        expect(message.name).toBe(`projects/shop/environments/production/flags/${state.flag}`);
      }),
    );
  });

  it('as a segment', () => {
    fc.assert(
      fc.property(any.segment, (state) => {
        const message = sent(SegmentSchema, segmentMessage('shop', { state, version: 7 }));
        const { key, archived, createdAt, updatedAt, ...content } = state;
        expect(canonicalJson(segmentContentFrom(message, 'segment'))).toBe(canonicalJson(content));
        const [createTime, updateTime] = [timestampOf(createdAt), timestampOf(updatedAt)];
        expect(message).toMatchObject({ key, archived, createTime, updateTime });
      }),
    );
  });

  it('as a release', () => {
    fc.assert(
      fc.property(any.release, (state) => {
        const message = sent(ReleaseSchema, releaseMessage('shop', { state, version: 7 }));
        const { branch, runtimeVersion, rolloutWeight, flags, ...rest } = state;
        expect(canonicalJson(releaseContentFrom(message, 'release'))).toBe(
          canonicalJson({ branch, runtimeVersion, rolloutWeight, flags }),
        );
        const { key, rolledBackFlags, createdAt, updatedAt } = rest;
        const [createTime, updateTime] = [timestampOf(createdAt), timestampOf(updatedAt)];
        expect(message).toMatchObject({ key, rolledBackFlags, createTime, updateTime });
        expect(releaseStates.fromWire(message.state)).toBe(rest.state);
      }),
    );
  });

  it('as the definition that a watch sends, whose version is the later one', () => {
    fc.assert(
      fc.property(any.flag, any.settings, version, version, (flag, settings, one, other) => {
        const stored = { state: flag, version: one };
        const message = flagDefinitionMessage('shop', 'production', stored, {
          state: settings,
          version: other,
        });
        const read = sent(FlagDefinitionSchema, message);
        expect(canonicalJson(flagFrom(present(read.flag, 'flag'), 'flag'))).toBe(canonicalJson(flag));
        expect(canonicalJson(settingsFrom(present(read.settings, 'settings'), 'settings'))).toBe(
          canonicalJson(settings),
        );
        expect(read.version).toBe(BigInt(Math.max(one, other)));
      }),
    );
  });
});
