import { readFileSync } from 'node:fs';
import { fromJson } from '@bufbuild/protobuf';
import { FlagSchema, FlagSettingsSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import { compileFlag } from '../../../src/core/compile-flag.ts';
import { buildSnapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { flagFrom } from '../../../src/rpc/convert/flag.ts';
import { settingsFrom } from '../../../src/rpc/convert/settings.ts';
import type { Definition } from '../fill.ts';

/** The flags in a file, as Vexil's API told them, in the form that Vexil itself evaluates. */
export function snapshotIn(file: string): Snapshot {
  const definitions: Definition[] = JSON.parse(readFileSync(file, 'utf8'));
  let revision = 0;
  const flags = definitions.map((definition) => {
    const flag = fromJson(FlagSchema, definition.flag as never);
    const settings = fromJson(FlagSettingsSchema, definition.settings as never);
    const version = Number(settings.version);
    revision = Math.max(revision, version);
    return compileFlag(flagFrom(flag, 'flag'), settingsFrom(settings, 'settings'), version);
  });
  return buildSnapshot({
    ...{ project: 'default', environment: 'production', revision },
    ...{ flags, segments: [], releases: [] },
  });
}
