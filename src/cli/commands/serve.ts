import { type Command, InvalidArgumentError } from 'commander';

export function register(serve: Command): void {
  serve
    .description('Run the service. It is configured by VEXIL_* variables.')
    .option('--workers <count>', 'how many processes answer calls (VEXIL_WORKERS)', countOf)
    .option('--roles <roles>', 'what it is there for: evaluate, write, or both (VEXIL_ROLES)')
    .action(async ({ workers, roles }: { workers?: number; roles?: string }) => {
      if (workers !== undefined) process.env.VEXIL_WORKERS = String(workers);
      if (roles !== undefined) process.env.VEXIL_ROLES = roles;
      const { main } = await import('../../server/main.ts');
      await main(process.env);
    });
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 256.');
  return Number(text);
}
