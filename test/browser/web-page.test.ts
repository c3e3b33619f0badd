import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTarget, PRODUCTION, type Target } from '../attacks/target.ts';
import { toolOrSkip } from '../support/require-tool.ts';

const CHROMIUM = toolOrSkip('chromium', '/usr/bin/chromium');
const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
];
const FLAGS = `${PRODUCTION}/flags`;

/** A web server of some shop. */
interface Shop extends Disposable {
  readonly origin: string;
}

async function openShop(script: string, headers: Record<string, string> = {}): Promise<Shop> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(
      isScript
        ? script
        : '<!doctype html><title>Shop</title><body><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the shop has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.skipIf(CHROMIUM === undefined)('a page in a browser', () => {
  let browser: Browser;
  let page: Page;
  let target: Target;
  let shop: Shop;
  let stranger: Shop;
  let neighbour: Shop;
  let sandbox: Shop;
  let key: string;

  beforeAll(async () => {
    const source = fileURLToPath(new URL('page.ts', import.meta.url));
    const { outputFiles } = await build({
      entryPoints: [source],
      bundle: true,
      format: 'esm',
      write: false,
      target: 'es2022',
    });
    const script = outputFiles[0]?.text ?? '';
    [shop, stranger, neighbour] = await Promise.all([openShop(script), openShop(script), openShop(script)]);
    sandbox = await openShop(script, {
      'content-security-policy': 'sandbox allow-scripts',
      'access-control-allow-origin': '*',
    });
    target = await openTarget();
    const web = { kind: 'KEY_KIND_WEB', environment: PRODUCTION };
    key = (await target.makeKey({ ...web, allowedOrigins: [shop.origin] })).secret;
    await target.makeKey({ ...web, allowedOrigins: [neighbour.origin, sandbox.origin] });
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ARGS });
    page = await browser.newPage();
  });

  afterAll(async () => {
    await browser.close();
    for (const each of [shop, stranger, neighbour, sandbox]) each[Symbol.dispose]();
    await target.close();
  });

  async function open(at: Shop, settings: Record<string, string>): Promise<void> {
    const query = new URLSearchParams({ server: target.server.url, key, transport: 'connect', ...settings });
    await page.goto(`${at.origin}/?${query}`);
  }

  async function shows(text: string): Promise<void> {
    try {
      await page.getByText(text, { exact: true }).waitFor({ timeout: 15_000 });
    } catch {
      throw new Error(`the page does not show ${text}: ${await page.locator('body').textContent()}`);
    }
  }
  const received = async () => String(await page.evaluate('received.join("\\n")'));

  describe.each(['connect', 'grpc-web'])('over %s', (transport) => {
    it('starts with the decisions, and sees a halt arrive', async () => {
      await open(shop, { transport, do: 'live' });
      await shows('watching from 3');
      await shows('checkout = false (DEFAULT)');
      // The hidden flag changes first, so that what there is to see of it is seen before the halt is.
      await target.ok('FlagService/HaltFlag', { name: `${FLAGS}/pricing` });
      await target.ok('FlagService/HaltFlag', {
        name: `${FLAGS}/checkout`,
        reason: 'customer 4711 complains',
      });
      await shows('checkout = false (HALTED)');
      await target.ok('FlagService/ResumeFlag', { name: `${FLAGS}/checkout` });
      await shows('checkout = false (DEFAULT)');
      await target.ok('FlagService/ResumeFlag', { name: `${FLAGS}/pricing` });
      const all = await received();
      expect(all).toContain('checkout');
      expect(all).not.toMatch(/pricing|4711/);
      expect(await page.content()).not.toContain('pricing');
    });

    it('learns of a hidden flag what it would of one that is not there', async () => {
      for (const flag of ['pricing', 'missing']) {
        await open(shop, { transport, do: 'evaluate', flag });
        await shows(`${flag} = undefined (ERROR)`);
      }
    });

    it.each([
      ['the definitions', { do: 'definitions' }],
      ['how a decision came about', { do: 'explain', flag: 'checkout' }],
    ])('is refused %s', async (_, settings) => {
      await open(shop, { transport, ...settings });
      await shows('failed: PermissionDenied');
    });

    it.each(['server', 'admin'] as const)('is refused with a %s key', async (kind) => {
      for (const task of ['live', 'definitions']) {
        await open(shop, {
          transport,
          do: task,
          flag: 'checkout',
          key: target.keys[kind],
        });
        await shows('failed: PermissionDenied');
      }
    });

    it('is let read nothing at an origin that no key lists', async () => {
      for (const task of ['live', 'definitions']) {
        await open(stranger, { transport, do: task, flag: 'checkout' });
        await shows('failed: Unknown');
        expect(await received()).toBe('');
      }
    });

    it('gets no decision at an origin that only another key lists', async () => {
      await open(neighbour, { transport, do: 'live' });
      await shows('failed: PermissionDenied');
      expect(await received()).not.toContain('checkout');
    });

    it('is let read nothing in a sandbox, where its origin is null', async () => {
      await open(sandbox, { transport, do: 'live' });
      await shows('failed: Unknown');
      expect(await received()).toBe('');
    });
  });
});
