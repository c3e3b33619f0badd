import { create, fromJson, type JsonObject, type Message } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { type Flag, FlagSchema, FlagStatus, FlagType } from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, collect, maskOf } from '../change-flags.ts';
import type { Io } from '../io.ts';
import { keyOf } from '../names.ts';
import { readDocument, readMessage } from '../parse/document.ts';
import { enumWord, parseEnum } from '../parse/enumeration.ts';
import { parseTime } from '../parse/time.ts';
import { parsePair, parseTyped, type ValueType } from '../parse/value.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';

const { method } = FlagService;

/** What a flag is like, in options. */
interface DefinitionFlags extends ChangeFlags {
  readonly name?: string;
  readonly description?: string;
  readonly tag?: string[];
  readonly owner?: string;
  readonly default?: string;
  readonly schema?: string;
  readonly status?: string;
  readonly clientVisible?: boolean;
  readonly temporary?: boolean;
  readonly removeBy?: string;
}

interface CreateFlags extends DefinitionFlags {
  readonly type: string;
  readonly variation?: readonly string[];
  readonly enable?: string[];
  readonly file?: string;
}

/** `flag create` and `flag update`. */
export function registerDefinition(flag: Command, open: OpenSession): void {
  describing(flag.command('create'))
    .argument('<key>', 'lowercase letters, digits and hyphens; cannot be changed later')
    .description('Make a flag. A boolean flag has the variations on and off if none are given.')
    .option('--type <type>', 'boolean, string, number or json', 'boolean')
    .option(
      '--variation <key=value>',
      'a variation; JSON, or plain text for a string flag (repeatable)',
      collect,
    )
    .option('--enable <environment>', 'enabled there from the start (repeatable)', collect)
    .option('--file <path>', 'the whole flag as YAML or JSON (- for standard input)')
    .action(async (key: string, options: CreateFlags, command: Command) => {
      const session = await open(command);
      const definition = await definitionOf(options, session.io);
      const input = {
        parent: await session.scope.project(),
        flagId: key,
        flag: definition,
        enabledEnvironments: (options.enable ?? []).map(keyOf),
        options: changeOptions(options),
      };
      const deed = { subject: `flag ${key}`, done: 'created', ...asked(options) };
      await session.change(method.createFlag, input, deed);
    });
  describing(flag.command('update'))
    .argument('<flag>')
    .description('Change what is given, leave the rest. Tags are replaced all together.')
    .action(async (key: string, options: DefinitionFlags, command: Command) => {
      const session = await open(command);
      const updateMask = maskOf(givenFields(options));
      const name = await session.scope.named('flags', key);
      const flag = { ...(await described(options, session.io)), name };
      const input = { flag, updateMask, options: changeOptions(options) };
      await session.change(method.updateFlag, input, {
        subject: `flag ${keyOf(name)}`,
        done: 'updated',
        ...asked(options),
      });
    });
}

function describing(command: Command): Command {
  return changing(command)
    .option('--name <text>', 'its name for people')
    .option('--description <text>')
    .option('--tag <tag>', '(repeatable)', collect)
    .option('--owner <owner>')
    .option('--default <variation>', 'what it answers when nothing else decides')
    .option('--schema <path>', 'a JSON Schema for the values of a json flag')
    .option('--status <status>', 'draft or active')
    .option('--client-visible', 'web keys may see its value')
    .option('--no-client-visible', 'web keys may not see its value')
    .option('--temporary', 'meant to be removed again')
    .option('--no-temporary', 'meant to stay')
    .option('--remove-by <time>', 'when it should be gone');
}

function givenFields(options: DefinitionFlags): Record<string, unknown> {
  return {
    display_name: options.name,
    description: options.description,
    tags: options.tag,
    owner: options.owner,
    default_variation: options.default,
    json_schema: options.schema,
    status: options.status,
    client_visible: options.clientVisible,
    temporary: options.temporary,
    removal_time: options.removeBy,
  };
}

async function described(options: DefinitionFlags, io: Io): Promise<Partial<Omit<Flag, keyof Message>>> {
  return {
    ...(options.name === undefined ? {} : { displayName: options.name }),
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    ...(options.default === undefined ? {} : { defaultVariation: options.default }),
    ...(options.schema === undefined ? {} : { jsonSchema: await readSchema(options.schema, io) }),
    ...(options.status === undefined ? {} : { status: parseEnum(FlagStatus, options.status) }),
    ...(options.clientVisible === undefined ? {} : { clientVisible: options.clientVisible }),
    ...(options.temporary === undefined ? {} : { temporary: options.temporary }),
    ...(options.removeBy === undefined
      ? {}
      : { removalTime: timestampFromDate(parseTime(options.removeBy, new Date(), 'future')) }),
  };
}

async function definitionOf(options: CreateFlags, io: Io): Promise<Flag> {
  const overrides = await described(options, io);
  if (options.file !== undefined) {
    const flag = await readMessage(FlagSchema, options.file, io);
    return Object.assign(flag, overrides);
  }
  const type = parseEnum(FlagType, options.type);
  const variations = (options.variation ?? []).map((text) => parseVariation(type, text));
  return create(FlagSchema, { ...overrides, type, variations });
}

/** `key=value` as a variation of a flag of this type. */
export function parseVariation(type: FlagType, text: string) {
  const [key, value] = parsePair(text, 'a variation is given as key=value');
  return { key, value: fromJson(ValueSchema, parseTyped(valueType(type), value)) };
}

function valueType(type: FlagType): ValueType {
  const word = enumWord(FlagType, type);
  if (word === 'boolean' || word === 'string' || word === 'number' || word === 'json') return word;
  throw new UsageError(`flags of type ${word} are not known to this version`);
}

async function readSchema(path: string, io: Io): Promise<JsonObject> {
  const schema = await readDocument(path, io);
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema;
  throw new UsageError(`${path}: a JSON Schema is an object`);
}
