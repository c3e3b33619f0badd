import type { Command } from 'commander';
import { configPath, readConfig, type Target, writeConfig } from '../config-file.ts';
import type { Io } from '../io.ts';
import { createPrinter, type Printer } from '../printer.ts';
import type { OpenSession } from '../session.ts';
import { type GlobalOptions, serverUrl } from '../settings.ts';
import { UsageError } from '../usage-error.ts';
import { table } from '../view/table.ts';

// No session is opened here: these commands must work while the current context does not.
export function register(context: Command, _open: OpenSession, io: Io): void {
  const path = configPath(io.env);
  const printer = (command: Command) => createPrinter(io, command.optsWithGlobals<GlobalOptions>());
  context
    .command('list')
    .description('The contexts of the configuration file; the current one has a star.')
    .action(async (_options: object, command: Command) => list(path, printer(command)));
  context
    .command('use')
    .argument('<name>')
    .description('Make a context the current one.')
    .action(async (name: string, _options: object, command: Command) => {
      const config = await readConfig(path);
      if (!config.contexts.has(name)) throw new UsageError(`there is no context ${name} in ${path}`);
      await writeConfig(path, { ...config, current: name });
      printer(command).note(`now using context ${name}`);
    });
  context
    .command('set')
    .argument('<name>')
    .description('Make or change a context from --server, --token, --token-file, --project and --env.')
    .action(async (name: string, _options: object, command: Command) => {
      const config = await readConfig(path);
      const given = targetOf(command.optsWithGlobals<GlobalOptions>());
      const contexts = new Map(config.contexts).set(name, { ...config.contexts.get(name), ...given });
      await writeConfig(path, { current: config.current ?? name, contexts });
      printer(command).note(`context ${name} written to ${path}`);
    });
}

async function list(path: string, print: Printer): Promise<void> {
  const { current, contexts } = await readConfig(path);
  const all = [...contexts].map(([name, { server = '', project = '', environment = '' }]) => {
    return { name, current: name === current, server, project, environment };
  });
  if (print.format !== 'table') return print.data(all);
  if (all.length === 0) return print.note('no contexts yet: vexil context set <name> --server <url>');
  const rows = all.map((one) => [one.current ? '*' : '', one.name, one.server, one.project, one.environment]);
  print.text(table(['', 'NAME', 'SERVER', 'PROJECT', 'ENVIRONMENT'], rows));
}

function targetOf({ server, token, tokenFile, project, env }: GlobalOptions): Target {
  return {
    ...(server === undefined ? {} : { server: serverUrl(server) }),
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(project === undefined ? {} : { project }),
    ...(env === undefined ? {} : { environment: env }),
  };
}
