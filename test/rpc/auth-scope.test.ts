import { Code, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { KeyKind, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { authInterceptor } from '../../src/rpc/auth.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { projectService } from '../../src/rpc/project-service.ts';
import { errorOf, openService } from '../support/in-process-service.ts';

test('a key to one project makes no other, whatever name it sends along', async () => {
  await using service = await openService();
  await service.projects.createProject({ projectId: 'shop' });
  const { secret } = await service.keys.createKey({
    parent: 'projects/shop',
    key: { kind: KeyKind.ADMIN, scopes: [Scope.READ, Scope.WRITE] },
  });
  const interceptors = [errorInterceptor(() => {}), authInterceptor(service.instance.access, () => {})];
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
