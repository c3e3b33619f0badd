import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { createPrinter, type Printer } from '../printer.ts';
import type { OpenSession } from '../session.ts';
import type { GlobalOptions } from '../settings.ts';
import { UsageError } from '../usage-error.ts';
import { counted, table } from '../view/table.ts';

interface MigrateFlags extends GlobalOptions {
  readonly to: string;
  readonly dataDir: string;
  readonly mongodbUri?: string;
  readonly mongodbUriFile?: string;
  readonly mongodbDatabase: string;
  readonly dryRun?: boolean;
}

/** What the server's part says of each project. */
interface Outcome {
  readonly project: string;
  readonly head: { readonly revision: number; readonly hash: string };
  readonly present: number;
  readonly objects?: number;
}

const NOTE_EVERY = 1_000;

export function register(migrate: Command, _open: OpenSession, io: Io): void {
  migrate
    .description(
      'Copy everything with its whole history from a data directory to MongoDB, or back. Stop every server first. ' +
        'With --project, that project alone.',
    )
    .requiredOption('--to <place>', 'mongodb or data-dir: the other one is where it comes from')
    .option('--data-dir <path>', 'the data directory (VEXIL_DATA_DIR)', io.env.VEXIL_DATA_DIR || './data')
    .option('--mongodb-uri <uri>', 'how to reach MongoDB (VEXIL_MONGODB_URI)')
    .option('--mongodb-uri-file <path>', 'a file that holds it (VEXIL_MONGODB_URI_FILE)')
    .option(
      '--mongodb-database <name>',
      'its database (VEXIL_MONGODB_DATABASE)',
      io.env.VEXIL_MONGODB_DATABASE || 'vexil',
    )
    .option('--dry-run', 'check everything, copy nothing')
    .action(async () => {
      const flags = migrate.optsWithGlobals<MigrateFlags>();
      const print = createPrinter(io, flags);
      const { from, to } = await placesOf(flags, io);
      const dryRun = flags.dryRun ?? false;
      const server = await import('../../server/migrate.ts');
      const outcomes = await server.migrate({
        ...{ from, to, dryRun, env: io.env, signal: io.signal },
        ...(flags.project !== undefined && { project: flags.project }),
        copied: (project, revision, of) => {
          if (revision % NOTE_EVERY === 0 || revision === of)
            print.note(`${project}: ${revision} of ${counted(of, 'revision')}`);
        },
      });
      await show(print, outcomes, dryRun);
      if (!dryRun) for (const line of nextSteps(flags, io)) print.note(line);
    });
}

async function placesOf(flags: MigrateFlags, io: Io) {
  const directory = { kind: 'data-dir', path: resolve(io.cwd, flags.dataDir) } as const;
  const database = {
    kind: 'mongodb',
    uri: await mongodbUri(flags, io),
    database: flags.mongodbDatabase,
  } as const;
  if (flags.to === 'mongodb') return { from: directory, to: database };
  if (flags.to === 'data-dir') return { from: database, to: directory };
  throw new UsageError(`"${flags.to}" is neither mongodb nor data-dir`);
}

/** What was typed comes before what the environment says. */
async function mongodbUri({ mongodbUri, mongodbUriFile }: MigrateFlags, { cwd, env }: Io): Promise<string> {
  const wasTyped = mongodbUri !== undefined || mongodbUriFile !== undefined;
  const uri = wasTyped ? mongodbUri : env.VEXIL_MONGODB_URI;
  if (uri) return uri;
  const file = wasTyped ? mongodbUriFile : env.VEXIL_MONGODB_URI_FILE;
  if (!file)
    throw new UsageError('which MongoDB? Give --mongodb-uri, or --mongodb-uri-file to keep it a secret');
  const text = await readFile(resolve(cwd, file), 'utf8').catch((error: Error) => {
    throw new UsageError(`cannot read ${file}: ${error.message}`);
  });
  return text.trim();
}

async function show(print: Printer, outcomes: readonly Outcome[], dryRun: boolean): Promise<void> {
  const rows = outcomes.map(({ project, head, present, objects }) => ({
    project,
    revisions: head.revision,
    copied: head.revision - present,
    objects: objects ?? null,
    head: head.hash,
  }));
  if (print.format !== 'table') return await print.data({ dryRun, projects: rows });
  const copied = dryRun ? 'TO COPY' : 'COPIED';
  const cells = rows.map((row) => [
    ...[row.project, String(row.revisions), String(row.copied), String(row.objects ?? '')],
    row.head.slice(0, 12),
  ]);
  print.text(table(['PROJECT', 'REVISIONS', copied, 'OBJECTS', 'HEAD'], cells));
  const total = counted(
    rows.reduce((sum, { revisions }) => sum + revisions, 0),
    'revision',
  );
  print.text(dryRun ? `checked: ${total}, nothing copied` : `verified: ${total}, the same in both places`);
}

function nextSteps({ to, dataDir, project }: MigrateFlags, { env }: Io): string[] {
  const kept = to === 'mongodb' && !env.VEXIL_KEY_PEPPER && !env.VEXIL_KEY_PEPPER_FILE;
  const pepper = kept
    ? `VEXIL_KEY_PEPPER_FILE=${dataDir}/pepper, or a copy of it`
    : 'the same VEXIL_KEY_PEPPER';
  const [there, here] = to === 'mongodb' ? ['on that database', dataDir] : [`on ${dataDir}`, 'the database'];
  return [
    `Next: run servers ${there}, with ${pepper}: with another one no key is valid any more.`,
    ...(project === undefined ? [] : ['Keys to the whole instance stay where they were.']),
    `Run none on ${here} again: from here on that would be another history.`,
  ];
}
