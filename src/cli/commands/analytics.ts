import type { Command } from 'commander';
import type { OpenSession } from '../session.ts';
import { registerExport } from './analytics-export.ts';
import { registerFigures } from './analytics-figures.ts';
import { registerKeeping } from './analytics-keeping.ts';
import { registerPreviews } from './analytics-previews.ts';

export function register(analytics: Command, open: OpenSession): void {
  registerFigures(analytics, open);
  registerPreviews(analytics, open);
  registerExport(analytics, open);
  registerKeeping(analytics, open);
}
