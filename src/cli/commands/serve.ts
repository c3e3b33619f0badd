import type { Command } from 'commander';

export function register(serve: Command): void {
  serve.description('Run the service. It is configured by VEXIL_* variables.').action(async () => {
    const { main } = await import('../../server/main.ts');
    await main(process.env);
  });
}
