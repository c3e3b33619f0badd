import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { FlagType } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { KeyKind, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { Admission } from '../../src/app/admission.ts';
import { authInterceptor, doorkeeper } from '../../src/rpc/auth.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { flagService } from '../../src/rpc/flag-service.ts';
import { projectService } from '../../src/rpc/project-service.ts';
import { errorOf, openShop } from '../support/in-process-service.ts';

const UNLIMITED = {
  ...{ callsPerKeyPerSecond: 0, streamsPerKey: 0, streamsPerAddress: 0, openStreamsPerAddress: 0 },
  refusedKeysPerAddressPerSecond: 0,
};

/** A project `shop`, and the way in with a key to it that may read and write. */
async function withWriteKey() {
  const service = await openShop();
  const { secret } = await service.keys.createKey({
    parent: 'projects/shop',
    key: { kind: KeyKind.ADMIN, scopes: [Scope.READ, Scope.WRITE] },
  });
  const { access, clock } = service.instance;
  const interceptors = [
    errorInterceptor(() => {}),
    authInterceptor(
      doorkeeper(access, new Admission(UNLIMITED, clock), () => {}),
      () => {},
    ),
  ];
  const transport = createRouterTransport(
    (router) => {
      router.service(ProjectService, projectService(service.instance));
      router.service(FlagService, flagService(service.instance));
    },
    { router: { interceptors } },
  );
  const headers = { authorization: `Bearer ${secret}` };
  return { service, transport, headers, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

const refused = { code: Code.PermissionDenied };

test('a key to one project makes no other, whatever name it sends along', async () => {
  await using made = await withWriteKey();
  const { headers } = made;
  const client = createClient(ProjectService, made.transport);
  const request = { projectId: 'mine', project: { name: 'projects/shop' } };
  expect(await errorOf(client.createProject(request, { headers }))).toMatchObject(refused);
  const { project } = await client.getProject({ name: 'projects/shop' }, { headers });
  expect(project?.key).toBe('shop');
});

test('a key without the scope halt can neither halt nor plan to', async () => {
  await using made = await withWriteKey();
  const { headers, service } = made;
  const flag = { type: FlagType.BOOLEAN };
  await service.flags.createFlag({ parent: 'projects/shop', flagId: 'checkout', flag });
  const client = createClient(FlagService, made.transport);
  const name = 'projects/shop/environments/production/flags/checkout';
  expect(await errorOf(client.haltFlag({ name }, { headers }))).toMatchObject(refused);
  const time = timestampFromMs(service.instance.clock.now() + 60_000);
  const scheduledChange = { time, action: { case: 'haltReason', value: 'later' } as const };
  const planned = client.createScheduledChange({ name, scheduledChange }, { headers });
  expect(await errorOf(planned)).toMatchObject(refused);
  const { settings } = await client.enableFlag({ name }, { headers });
  expect(settings?.enabled).toBe(true);
});
