import type { Client } from '@grpc/grpc-js';
import { type GrpcCaller, metadataOf, refusalOf } from '../../support/grpc-caller.ts';
import { fromLoader, type Message, methodNamed, toLoader } from '../../support/stock-protos.ts';
import { Refused } from '../clients/service.ts';

/** A unary call that is given up after so long. Rejects with `Refused`. */
export function callWithin(
  { client }: GrpcCaller,
  name: string,
  request: Message,
  options: { readonly token: string; readonly deadlineMs: number },
): Promise<Message> {
  const method = methodNamed(name);
  return new Promise((resolve, reject) => {
    const call: Client['makeUnaryRequest'] = client.makeUnaryRequest.bind(client);
    call(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      toLoader(method.requestType, request),
      metadataOf(options.token),
      { deadline: Date.now() + options.deadlineMs },
      (error, response) => {
        if (error === null) resolve(fromLoader(method.responseType, { ...response }));
        else reject(refusedWith(refusalOf(error)));
      },
    );
  });
}

export function refusedWith({ code, message, details }: ReturnType<typeof refusalOf>): Refused {
  return new Refused(code, String(details.get('ErrorInfo')?.reason ?? ''), message);
}
