import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import * as v1 from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { reflectionRoutes } from '../../src/rpc/reflection.ts';

type Question = MessageInitShape<typeof v1.ServerReflectionRequestSchema>['messageRequest'];

const transport = createRouterTransport((router) => reflectionRoutes(router, [EvaluationService]));

async function ask(...questions: NonNullable<Question>[]) {
  const client = createClient(v1.ServerReflection, transport);
  async function* requests() {
    for (const messageRequest of questions) yield { host: 'here', messageRequest };
  }
  const answers: v1.ServerReflectionResponse['messageResponse'][] = [];
  for await (const answer of client.serverReflectionInfo(requests())) {
    expect(answer).toMatchObject({ validHost: 'here', originalRequest: { host: 'here' } });
    answers.push(answer.messageResponse);
  }
  return answers;
}

function fileNames(answer: v1.ServerReflectionResponse['messageResponse'] | undefined): string[] {
  if (answer?.case !== 'fileDescriptorResponse') throw new Error(`not files but ${answer?.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

const symbol = (value: string) => ({ case: 'fileContainingSymbol' as const, value });

describe('reflectionRoutes', () => {
  it('sends a file before everything that it imports', async () => {
    const [answer] = await ask({ case: 'fileByFilename', value: 'vexil/v1/evaluation.proto' });
    const names = fileNames(answer);
    expect(names[0]).toBe('vexil/v1/evaluation.proto');
    expect(names).toContain('google/protobuf/struct.proto');
    expect(names).toContain('vexil/v1/definitions.proto');
    expect(new Set(names).size).toBe(names.length);
  });

  it('does not send an import twice on one stream', async () => {
    const [, second] = await ask(symbol('vexil.v1.EvaluationService'), symbol('vexil.v1.EvaluateRequest'));
    expect(fileNames(second)).toEqual(['vexil/v1/evaluation.proto']);
  });

  it.each([
    'vexil.v1.EvaluationService',
    'vexil.v1.EvaluationService.Evaluate',
    'vexil.v1.EvaluateRequest',
    'vexil.v1.EvaluateRequest.flag_key',
    'vexil.v1.EvaluateResponse.value',
    'vexil.v1.Reason',
    'vexil.v1.Reason.REASON_HALTED',
  ])('finds the symbol %s', async (name) => {
    const [answer] = await ask(symbol(name));
    expect(fileNames(answer)[0]).toBe('vexil/v1/evaluation.proto');
  });

  it('answers what is unknown with an error message, and goes on', async () => {
    const answers = await ask(
      symbol('nope.Nope'),
      symbol('vexil.v1.EvaluateRequest.nope'),
      symbol(''),
      { case: 'fileByFilename', value: '../../etc/passwd' },
      { case: 'fileContainingExtension', value: { containingType: 'vexil.v1.Context', extensionNumber: 1 } },
      { case: 'allExtensionNumbersOfType', value: 'nope' },
      { case: 'allExtensionNumbersOfType', value: 'vexil.v1.Context' },
    );
    const codes = answers.map((answer) => answer.case === 'errorResponse' && answer.value.errorCode);
    expect(codes).toEqual([5, 5, 5, 5, 5, 5, false]);
    expect(answers.at(-1)?.value).toMatchObject({ baseTypeName: 'vexil.v1.Context', extensionNumber: [] });
  });

  it('says the same in v1alpha', async () => {
    const client = createClient(v1alpha.ServerReflection, transport);
    async function* requests() {
      yield { messageRequest: { case: 'listServices' as const, value: '*' } };
    }
    for await (const { messageResponse } of client.serverReflectionInfo(requests()))
      expect(messageResponse.value).toMatchObject({
        service: [
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'grpc.reflection.v1alpha.ServerReflection' },
          { name: 'vexil.v1.EvaluationService' },
        ],
      });
  });
});
