import { createRegistry, type DescFile, type DescService, type Registry, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import * as v1 from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';

type Question = (v1.ServerReflectionRequest | v1alpha.ServerReflectionRequest)['messageRequest'];
type Answer =
  | { case: 'listServicesResponse'; value: { service: { name: string }[] } }
  | { case: 'fileDescriptorResponse'; value: { fileDescriptorProto: Uint8Array<ArrayBuffer>[] } }
  | { case: 'allExtensionNumbersResponse'; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: 'errorResponse'; value: { errorCode: Code; errorMessage: string } };

/** Serves grpc.reflection.v1 and v1alpha about the services named and every type that they use. */
export function reflectionRoutes(router: ConnectRouter, services: readonly DescService[]): void {
  const described = [...services, v1.ServerReflection, v1alpha.ServerReflection];
  const files = withImports(described.map(({ file }) => file));
  const directory: Directory = {
    services: [...new Set(described.map(({ typeName }) => typeName))].sort(),
    files: new Map([...files].map((file) => [file.proto.name, file])),
    registry: createRegistry(...files),
  };
  router.service(v1.ServerReflection, { serverReflectionInfo: (requests) => answers(directory, requests) });
  router.service(v1alpha.ServerReflection, {
    serverReflectionInfo: (requests) => answers(directory, requests),
  });
}

interface Directory {
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, DescFile>;
  readonly registry: Registry;
}

async function* answers<R extends { host: string; messageRequest: Question }>(
  directory: Directory,
  requests: AsyncIterable<R>,
): AsyncGenerator<{ validHost: string; originalRequest: R; messageResponse: Answer }> {
  const sent = new Set<DescFile>();
  for await (const request of requests)
    yield {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(directory, request.messageRequest, sent),
    };
}

function withImports(files: Iterable<DescFile>, found = new Set<DescFile>()): Set<DescFile> {
  for (const file of files) {
    if (found.has(file)) continue;
    withImports(file.dependencies, found);
    found.add(file);
  }
  return found;
}

function answer({ services, files, registry }: Directory, question: Question, sent: Set<DescFile>): Answer {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return fileAnswer(files.get(question.value), sent);
    case 'fileContainingSymbol':
      return fileAnswer(fileOfSymbol(registry, question.value), sent);
    case 'fileContainingExtension': {
      const extendee = registry.getMessage(question.value.containingType);
      const extension = extendee && registry.getExtensionFor(extendee, question.value.extensionNumber);
      return fileAnswer(extension?.file, sent);
    }
    case 'allExtensionNumbersOfType':
      return extensionAnswer(registry, question.value);
    case undefined:
      return errorAnswer(Code.InvalidArgument, 'the request asks for nothing');
  }
}

/** The file, and those that it imports and that this stream has not been sent. Asked for twice, it is sent twice. */
function fileAnswer(file: DescFile | undefined, sent: Set<DescFile>): Answer {
  if (file === undefined) return errorAnswer(Code.NotFound, 'not found');
  const fresh = [...withImports([file])].filter((each) => each !== file && !sent.has(each));
  const answered = [file, ...fresh];
  for (const each of answered) sent.add(each);
  const fileDescriptorProto = answered.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function extensionAnswer(registry: Registry, baseTypeName: string): Answer {
  if (registry.getMessage(baseTypeName) === undefined) return errorAnswer(Code.NotFound, 'not found');
  const extensions = [...registry].filter(
    (type) => type.kind === 'extension' && type.extendee.typeName === baseTypeName,
  );
  const extensionNumber = extensions.flatMap((type) => (type.kind === 'extension' ? [type.number] : []));
  return { case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } };
}

function errorAnswer(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}

/** A symbol is a type or a service, or a member of one: a method, a field, a value. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  const type = registry.get(symbol);
  if (type !== undefined) return type.file;
  const dot = symbol.lastIndexOf('.');
  const parent = registry.get(symbol.slice(0, Math.max(dot, 0)));
  return parent !== undefined && membersOf(parent).includes(symbol.slice(dot + 1)) ? parent.file : undefined;
}

function membersOf(type: NonNullable<ReturnType<Registry['get']>>): string[] {
  switch (type.kind) {
    case 'message':
      return [...type.fields, ...type.oneofs].map(({ name }) => name);
    case 'service':
      return type.methods.map(({ name }) => name);
    case 'enum':
      return type.values.map(({ name }) => name);
    case 'extension':
      return [];
  }
}
