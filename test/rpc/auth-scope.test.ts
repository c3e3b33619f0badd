import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { FlagType } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { KeyKind, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { Admission } from '../../src/app/admission.ts';
import { authInterceptor } from '../../src/rpc/auth.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { flagService } from '../../src/rpc/flag-service.ts';
import { projectService } from '../../src/rpc/project-service.ts';
import { errorOf, openService } from '../support/in-process-service.ts';

const UNLIMITED = {
  ...{ callsPerKeyPerSecond: 0, streamsPerKey: 0, streamsPerAddress: 0, openStreamsPerAddress: 0 },
  refusedKeysPerAddressPerSecond: 0,
};

test('a key to one project makes no other, whatever name it sends along', async () => {
  await using service = await openService();
  await service.projects.createProject({ projectId: 'shop' });
  const { secret } = await service.keys.createKey({
    parent: 'projects/shop',
    key: { kind: KeyKind.ADMIN, scopes: [Scope.READ, Scope.WRITE] },
  });
  const interceptors = [
    errorInterceptor(() => {}),
    authInterceptor(service.instance.access, new Admission(UNLIMITED, service.instance.clock), () => {}),
  ];
  const transport = createRouterTransport(
    (router) => router.service(ProjectService, projectService(service.instance)),
    { router: { interceptors } },
  );
  const client = createClient(ProjectService, transport);
  const headers = { authorization: `Bearer ${secret}` };
  const request = { projectId: 'mine', project: { name: 'projects/shop' } };
  expect(await errorOf(client.createProject(request, { headers }))).toMatchObject({
    code: Code.PermissionDenied,
  });
  const { project } = await client.getProject({ name: 'projects/shop' }, { headers });
  expect(project?.key).toBe('shop');
});

test('a key without the scope halt can neither halt nor plan to', async () => {
  await using service = await openService();
  await service.projects.createProject({ projectId: 'shop' });
  await service.flags.createFlag({
    parent: 'projects/shop',
    flagId: 'checkout',
    flag: { type: FlagType.BOOLEAN },
  });
  const { secret } = await service.keys.createKey({
    parent: 'projects/shop',
    key: { kind: KeyKind.ADMIN, scopes: [Scope.READ, Scope.WRITE] },
  });
  const interceptors = [
    errorInterceptor(() => {}),
    authInterceptor(service.instance.access, new Admission(UNLIMITED, service.instance.clock), () => {}),
  ];
  const transport = createRouterTransport(
    (router) => router.service(FlagService, flagService(service.instance)),
    { router: { interceptors } },
  );
  const client = createClient(FlagService, transport);
  const headers = { authorization: `Bearer ${secret}` };
  const name = 'projects/shop/environments/production/flags/checkout';
  const time = timestampFromMs(service.instance.clock.now() + 60_000);
  const plan = { case: 'haltReason', value: 'later' } as const;
  const refused = { code: Code.PermissionDenied };
  expect(await errorOf(client.haltFlag({ name }, { headers }))).toMatchObject(refused);
  const scheduledChange = { time, action: plan };
  expect(await errorOf(client.createScheduledChange({ name, scheduledChange }, { headers }))).toMatchObject(
    refused,
  );
  const { settings } = await client.enableFlag({ name }, { headers });
  expect(settings?.enabled).toBe(true);
});
