import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { createPrinter } from '../printer.ts';
import type { OpenSession } from '../session.ts';
import type { GlobalOptions } from '../settings.ts';

export function register(version: Command, _open: OpenSession, io: Io): void {
  version.description('Print the version.').action(async () => {
    const print = createPrinter(io, version.optsWithGlobals<GlobalOptions>());
    const path = new URL('../../../package.json', import.meta.url);
    const manifest: unknown = JSON.parse(await readFile(path, 'utf8'));
    const answer = { version: versionOf(manifest), node: process.versions.node };
    if (print.format === 'table') print.text(`vexil ${answer.version} (node ${answer.node})`);
    else await print.data(answer);
  });
}

function versionOf(manifest: unknown): string {
  const isObject = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isObject ? String(manifest.version) : 'unknown';
}
