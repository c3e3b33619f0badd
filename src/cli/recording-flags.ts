import type { Command } from 'commander';
import { ProjectService, type Recording } from '../../gen/vexil/v1/project_service_pb.ts';
import { collect } from './change-flags.ts';
import type { Session } from './session.ts';
import { UsageError } from './usage-error.ts';

/** The options that say how an environment is recorded. */
export interface RecordingFlags {
  readonly recording?: string;
  readonly keepAttribute?: readonly string[];
  readonly keepNoAttributes?: boolean;
  readonly targetingKeys?: string;
}

export function recordingOptions(command: Command): Command {
  return command
    .option('--recording <on|off>', 'whether evaluations are recorded')
    .option('--keep-attribute <name>', 'keep only these attributes of contexts (may be repeated)', collect)
    .option('--keep-no-attributes', 'keep no attributes')
    .option('--targeting-keys <plain|hashed>', 'how targeting keys are kept');
}

/**
 * The recording that these options make of the one that there is, and the etag of what they were held against. Undefined
 * if there are none.
 */
export async function recordingAsked(session: Session, name: string, flags: RecordingFlags) {
  const { recording, keepAttribute, keepNoAttributes, targetingKeys } = flags;
  if (keepAttribute !== undefined && keepNoAttributes === true)
    throw new UsageError('--keep-attribute and --keep-no-attributes say opposite things');
  const disabled = oneOf('--recording', recording, { on: false, off: true });
  const hashTargetingKeys = oneOf('--targeting-keys', targetingKeys, { plain: false, hashed: true });
  const keptAttributes = keepNoAttributes === true ? [] : keepAttribute;
  if (disabled === undefined && hashTargetingKeys === undefined && keptAttributes === undefined)
    return undefined;
  const { environment } = await session.call(ProjectService.method.getEnvironment, { name });
  const before = environment?.recording;
  return {
    etag: environment?.etag ?? '',
    recording: {
      disabled: disabled ?? before?.disabled ?? false,
      keptAttributes: [...(keptAttributes ?? before?.keptAttributes ?? [])],
      hashTargetingKeys: hashTargetingKeys ?? before?.hashTargetingKeys ?? false,
    },
  };
}

/** Such as `on, keeps plan and country, targeting keys hashed`. */
export function recordingText(recording: Recording | undefined): string {
  if (recording === undefined) return '';
  if (recording.disabled) return 'off';
  const kept = recording.keptAttributes.length === 0 ? '' : `, keeps ${recording.keptAttributes.join(', ')}`;
  return `on${kept}${recording.hashTargetingKeys ? ', targeting keys hashed' : ''}`;
}

function oneOf(
  option: string,
  word: string | undefined,
  meanings: Readonly<Record<string, boolean>>,
): boolean | undefined {
  if (word === undefined) return undefined;
  if (!Object.hasOwn(meanings, word))
    throw new UsageError(`${option} must be ${Object.keys(meanings).join(' or ')}`);
  return meanings[word];
}
