import { Command } from 'commander';
import type { Io } from './io.ts';
import type { OpenSession } from './session.ts';

type Register = (command: Command, open: OpenSession, io: Io) => void;

interface Noun {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly register: Register }>;
}

const nouns: readonly Noun[] = [
  { name: 'serve', summary: 'run the service', load: () => import('./commands/serve.ts') },
  {
    name: 'health',
    summary: 'whether the service on this machine takes calls',
    load: () => import('./commands/health.ts'),
  },
  { name: 'project', summary: 'projects', load: () => import('./commands/project.ts') },
  { name: 'env', summary: 'environments of a project', load: () => import('./commands/env.ts') },
  {
    name: 'flag',
    summary: 'flags, and what they do in an environment',
    load: () => import('./commands/flag.ts'),
  },
  { name: 'segment', summary: 'audiences', load: () => import('./commands/segment.ts') },
  { name: 'release', summary: 'builds that set flags', load: () => import('./commands/release.ts') },
  { name: 'key', summary: 'keys that callers present', load: () => import('./commands/key.ts') },
  { name: 'history', summary: 'who changed what, why and when', load: () => import('./commands/history.ts') },
  { name: 'fleet', summary: 'replicas that serve together', load: () => import('./commands/fleet.ts') },
  {
    name: 'analytics',
    summary: 'what was recorded: how flags are used, and what a change would do',
    load: () => import('./commands/analytics.ts'),
  },
  {
    name: 'report',
    summary: 'say that somebody got a variation, or that something happened to them',
    load: () => import('./commands/report.ts'),
  },
  { name: 'eval', summary: 'evaluate flags, and see why', load: () => import('./commands/eval.ts') },
  { name: 'watch', summary: 'follow changes as they happen', load: () => import('./commands/watch.ts') },
  {
    name: 'migrate',
    summary: 'move everything between a data directory and MongoDB',
    load: () => import('./commands/migrate.ts'),
  },
  { name: 'context', summary: 'servers to talk to, by name', load: () => import('./commands/context.ts') },
  { name: 'config', summary: 'what this command line is set to', load: () => import('./commands/config.ts') },
  { name: 'version', summary: 'print the version', load: () => import('./commands/version.ts') },
];

/**
 * The command line. A noun's own commands are loaded only when it is used. Throws a CommanderError where the
 * library would end the process.
 */
export function createProgram(io: Io, open: OpenSession): Command {
  const program = new Command('vexil')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .description('Feature flags: manage them, evaluate them, serve them.')
    .helpCommand(false)
    .showHelpAfterError('(see --help)')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .option('--server <url>', 'the server to call (VEXIL_SERVER)')
    .option('--token <key>', 'the key to present (VEXIL_TOKEN)')
    .option('--token-file <path>', 'a file that holds the key (VEXIL_TOKEN_FILE)')
    .option('-p, --project <key>', 'the project (VEXIL_PROJECT)')
    .option('-e, --env <key>', 'the environment (VEXIL_ENVIRONMENT)')
    .option('-o, --output <format>', 'table, json or yaml')
    .option('--json', 'the same as -o json')
    .option('-q, --quiet', 'answers only, no messages')
    .option('--no-color', 'no colours');
  const loaders = new Map<Command, Noun['load']>();
  for (const { name, summary, load } of nouns) {
    loaders.set(program.command(name).description(summary), load);
  }
  return program.hook('preSubcommand', async (_program, command) => {
    const load = loaders.get(command);
    if (load !== undefined) (await load()).register(command, open, io);
  });
}

/** `vexil help flag` and `vexil --version` in the form that the program knows. */
export function normalizeArguments(args: readonly string[]): string[] {
  const [first, ...rest] = args;
  if (first === 'help') return [...rest, '--help'];
  if (first === '--version' || first === '-V') return ['version', ...rest];
  return [...args];
}
