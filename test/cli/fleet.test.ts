import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { FleetProgressSchema } from '../../gen/vexil/v1/changes_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import { startApi } from './api-server.ts';
import { runCli } from './run-cli.ts';

const { haltFlag, enableFlag } = FlagService.method;

async function against(routes: (router: ConnectRouter) => void, args: readonly string[]) {
  await using api = await startApi(routes);
  const result = await runCli(args, { env: { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s' } });
  return { ...result, last: api.calls.at(-1) };
}

/** What a halt or an enabling prints when the fleet is like that. */
function changing(fleet: MessageInitShape<typeof FleetProgressSchema>, ...args: readonly string[]) {
  const answer = () => ({ receipt: { revision: 42n, fleet } });
  return against((router) => router.rpc(haltFlag, answer).rpc(enableFlag, answer), ['flag', ...args]);
}

const here = { name: 'pod-0', revision: 42n, reached: true, reachedAfterMs: 0 };
const there = { name: 'pod-1', revision: 42n, reached: true, reachedAfterMs: 38 };
const lagging = { name: 'pod-2', revision: 41n, silenceMs: 1_200 };
const all = { complete: true, membersKnown: true, elapsedMs: 38, replicas: [here, there] };
const some = { membersKnown: true, elapsedMs: 5_000, replicas: [here, lagging] };
const HALTED = 'flag checkout halted in production at revision 42\n';

describe('a halt', () => {
  it('waits five seconds for every replica, unless told otherwise', async () => {
    const waits = async (...args: readonly string[]) =>
      (await changing(all, 'halt', 'checkout', ...args)).last?.message;
    expect(await waits()).toMatchObject({ options: { waitForFleetMs: 5_000 } });
    expect(await waits('--wait', '12s')).toMatchObject({ options: { waitForFleetMs: 12_000 } });
    expect(await waits('--wait', '0')).toMatchObject({ options: { waitForFleetMs: 0 } });
  });

  it('says that all have it, and with --wait when each had', async () => {
    const summary = '2 of 2 replicas have revision 42 after 38 ms\n';
    expect((await changing(all, 'halt', 'checkout')).stdout).toBe(`${HALTED}${summary}`);
    expect((await changing(all, 'halt', 'checkout', '--wait', '5s')).stdout).toBe(
      `${HALTED}${summary}  pod-0: after 0 ms\n  pod-1: after 38 ms\n`,
    );
  });

  it('does not say so of the only replica, unless told to wait', async () => {
    const alone = { complete: true, membersKnown: true, elapsedMs: 1, replicas: [here] };
    expect((await changing(alone, 'halt', 'checkout')).stdout).toBe(HALTED);
    expect((await changing(alone, 'halt', 'checkout', '--wait', '1s')).stdout).toBe(
      `${HALTED}1 of 1 replica has revision 42 after 1 ms\n  pod-0: after 0 ms\n`,
    );
  });

  it('succeeds and warns of those that lag, even when quiet', async () => {
    const warnings =
      'warning: 1 of 2 replicas has revision 42 after 5.0 s\n' +
      'warning: pod-2: is at revision 41, last heard of 1.2 s ago\n';
    expect(await changing(some, 'halt', 'checkout')).toMatchObject({
      code: 0,
      stdout: HALTED,
      stderr: warnings,
    });
    expect(await changing(some, 'halt', 'checkout', '-q')).toMatchObject({ stdout: '', stderr: warnings });
  });

  it('has all of it as JSON', async () => {
    const { stdout } = await changing(some, 'halt', 'checkout', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      receipt: {
        fleet: { complete: false, elapsedMs: 5_000, replicas: [{ reached: true }, { reached: false }] },
      },
    });
  });
});

describe('another change', () => {
  it('waits only if told to', async () => {
    const { last } = await changing(all, 'enable', 'checkout');
    expect(last?.message).toMatchObject({ options: { waitForFleetMs: 0 } });
    const waiting = await changing(all, 'enable', 'checkout', '--wait', '500ms');
    expect(waiting.last?.message).toMatchObject({ options: { waitForFleetMs: 500 } });
    expect(waiting.stdout).toContain('2 of 2 replicas have revision 42 after 38 ms\n');
  });

  it('does not go out with a time that is none', async () => {
    const result = await changing(all, 'enable', 'checkout', '--wait', 'long');
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain('"long" is not a time to wait');
  });
});

describe('the list of replicas', () => {
  it('shows them all, and says when there may be more', async () => {
    const answer = { replicas: [{ name: 'pod-0', version: '1', answering: true }], membersKnown: false };
    const result = await against(
      (router) => router.rpc(FleetService.method.listReplicas, () => answer),
      ['fleet', 'list'],
    );
    expect(result.stdout).toContain('pod-0');
    expect(result.stderr).toBe('warning: nobody can say who is there: there may be other replicas\n');
  });
});
