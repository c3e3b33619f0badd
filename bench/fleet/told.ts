import { createHash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type FlagDefinition,
  FlagDefinitionSchema,
  type WatchFlagsResponse,
  WatchFlagsResponseSchema,
} from '../../gen/vexil/v1/evaluation_pb.ts';

/** A flag as a watcher knows it. */
export interface KnownFlag {
  readonly key: string;
  readonly version: bigint;
  /** Of its whole definition. */
  readonly digest: string;
}

/** What a message of a watch says to somebody who keeps flags. */
export type Told =
  | { readonly kind: 'hello' }
  | { readonly kind: 'part'; readonly flags: readonly KnownFlag[] }
  | { readonly kind: 'end'; readonly revision: number; readonly stateHash: string }
  | {
      readonly kind: 'delta';
      readonly from: number;
      readonly to: number;
      readonly flags: readonly KnownFlag[];
      readonly deleted: readonly string[];
    }
  | { readonly kind: 'bookmark'; readonly revision: number };

/** Reads what one replica says to its watchers: most of the time the same to one after the other. */
export class ToldReader {
  #bytes: Buffer = Buffer.alloc(0);
  #told: Told = { kind: 'hello' };

  /** Throws for a goodbye, and for what a service without segments and releases does not say. */
  read(message: Buffer): Told {
    if (this.#bytes.length === 0 || !this.#bytes.equals(message)) {
      this.#told = toldBy(fromBinary(WatchFlagsResponseSchema, message));
      this.#bytes = Buffer.from(message);
    }
    return this.#told;
  }
}

function toldBy({ message }: WatchFlagsResponse): Told {
  switch (message.case) {
    case 'hello':
      return { kind: 'hello' };
    case 'snapshotPart':
      return { kind: 'part', flags: message.value.flags.map(knownFlag) };
    case 'snapshotEnd':
      return {
        kind: 'end',
        revision: Number(message.value.revision),
        stateHash: message.value.stateHash.toHex(),
      };
    case 'delta':
      return {
        kind: 'delta',
        from: Number(message.value.fromRevision),
        to: Number(message.value.toRevision),
        flags: message.value.flags.map(knownFlag),
        deleted: message.value.deletedFlags,
      };
    case 'bookmark':
      return { kind: 'bookmark', revision: Number(message.value.revision) };
    default:
      throw new Error(`a watcher was told ${message.case}`);
  }
}

function knownFlag(definition: FlagDefinition): KnownFlag {
  return {
    key: definition.flag?.name.split('/').at(-1) ?? '',
    version: definition.version,
    digest: createHash('sha256').update(toBinary(FlagDefinitionSchema, definition)).digest('hex'),
  };
}
