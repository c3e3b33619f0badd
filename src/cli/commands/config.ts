import type { Command } from 'commander';
import { configPath } from '../config-file.ts';
import type { OpenSession } from '../session.ts';
import type { Setting } from '../settings.ts';
import { table } from '../view/table.ts';

export function register(config: Command, open: OpenSession): void {
  config
    .command('print')
    .description('Where calls go, as whom and about what, and where each of these was set.')
    .action(async (_options: object, command: Command) => {
      const { print, settings, io } = await open(command);
      const entries: [string, Setting | undefined][] = [
        ['server', settings.server],
        ['token', redacted(settings.token)],
        ['project', settings.project],
        ['environment', settings.environment],
        [
          'file',
          { value: configPath(io.env), source: 'XDG_CONFIG_HOME' in io.env ? 'XDG_CONFIG_HOME' : 'default' },
        ],
      ];
      if (print.format === 'table') {
        const rows = entries.map(([name, setting]) => [
          name,
          setting?.value ?? '',
          setting?.source ?? 'not set',
        ]);
        print.text(table(['SETTING', 'VALUE', 'FROM'], rows));
      } else {
        const known = entries.map(([name, setting]) => [name, setting === undefined ? null : { ...setting }]);
        await print.data(Object.fromEntries(known));
      }
    });
}

/** Of a key, the kind and the id are no secret: `vx_admin_k1_…`. */
function redacted(token: Setting | undefined): Setting | undefined {
  if (token === undefined) return undefined;
  const known = /^vx_(server|web|admin)_[^_]+_/.exec(token.value)?.[0] ?? '';
  return { value: `${known}…`, source: token.source };
}
