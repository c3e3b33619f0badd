import * as connect from '@connectrpc/connect/protocol-connect';
import * as grpc from '@connectrpc/connect/protocol-grpc';
import * as grpcWeb from '@connectrpc/connect/protocol-grpc-web';

/** How the messages of one call travel. */
export interface WireFormat {
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly json: boolean;
  /** Each message has a flag and a length before it; otherwise the body is the message. */
  readonly enveloped: boolean;
  /** The header that names the compression of messages. */
  readonly encodingHeader: string;
  readonly timeoutHeader: string;
}

const GRPC_HEADERS = { encodingHeader: 'grpc-encoding', timeoutHeader: 'grpc-timeout' };

/** Undefined for a content type that no protocol here has. */
export function wireFormatOf(contentType: string | null): WireFormat | undefined {
  const ofGrpc = grpc.parseContentType(contentType);
  if (ofGrpc !== undefined)
    return { protocol: 'grpc', json: !ofGrpc.binary, enveloped: true, ...GRPC_HEADERS };
  const ofGrpcWeb = grpcWeb.parseContentType(contentType);
  if (ofGrpcWeb !== undefined)
    return { protocol: 'grpc-web', json: !ofGrpcWeb.binary, enveloped: true, ...GRPC_HEADERS };
  const ofConnect = connect.parseContentType(contentType);
  if (ofConnect === undefined) return undefined;
  return {
    protocol: 'connect',
    json: !ofConnect.binary,
    enveloped: ofConnect.stream,
    encodingHeader: ofConnect.stream ? 'connect-content-encoding' : 'content-encoding',
    timeoutHeader: 'connect-timeout-ms',
  };
}
