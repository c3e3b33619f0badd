import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Installs the packages to compare with, exactly as locked, unless they are there. They stay out of the product. */
export async function ensurePackages(tell: (line: string) => void): Promise<void> {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  if (existsSync(`${folder}/node_modules`)) return;
  tell('Installing the libraries to compare with: npm ci --ignore-scripts --prefix bench');
  const npm = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder], {
    stdio: 'inherit',
  });
  const [code] = await once(npm, 'exit');
  if (code !== 0) throw new Error(`npm ended with ${code}`);
}
