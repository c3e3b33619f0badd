import {
  type DescMessage,
  type DescMethodUnary,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { type ChangeReceipt, ChangeReceiptSchema } from '../../gen/vexil/v1/changes_pb.ts';
import type { ApiClient } from './client.ts';
import type { Io } from './io.ts';
import type { Printer } from './printer.ts';
import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';
import { fleetLine, progressLine } from './view/fleet.ts';
import { type Deed, receiptLine } from './view/receipt.ts';

/** What a command works with. Whoever opened the session closes it. */
export interface Session extends ApiClient {
  readonly io: Io;
  readonly print: Printer;
  readonly settings: Settings;
  readonly scope: Scope;
  /** Prints one message: for people, or in full for programs. */
  show<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>, text: () => string): Promise<void>;
  /** The same for a list; `text` is not asked about an empty one. */
  showAll<Desc extends DescMessage>(
    desc: Desc,
    messages: readonly MessageShape<Desc>[],
    text: () => string,
  ): Promise<void>;
  /** Makes a change and says what became of it. */
  change<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    deed: Deed,
  ): Promise<MessageShape<O>>;
}

/** How the commands get at their session, once their arguments are known to be right. */
export type OpenSession = (command: Command) => Promise<Session>;

export function createSession(
  io: Io,
  print: Printer,
  settings: Settings,
  client: ApiClient,
  scope: Scope,
): Session {
  const full = { alwaysEmitImplicit: true };
  return {
    ...client,
    [Symbol.dispose]: () => client[Symbol.dispose](),
    io,
    print,
    settings,
    scope,
    async show(desc, message, text) {
      if (print.format === 'table') print.text(text());
      else await print.data(toJson(desc, message, full));
    },
    async showAll(desc, messages, text) {
      if (print.format !== 'table') await print.data(messages.map((message) => toJson(desc, message, full)));
      else if (messages.length > 0) print.text(text());
      else print.note('nothing found');
    },
    async change(method, input, deed) {
      const response = await client.call(method, input);
      const receipt = receiptOf(response);
      for (const warning of receipt?.warnings ?? []) print.warn(warning);
      if (print.format !== 'table') await print.data(toJson(method.output, response, full));
      else if (!print.quiet) print.text(receiptLine(deed, receipt));
      if (receipt !== undefined) tellOfFleet(print, deed, receipt);
      return response;
    },
  };
}

/** Who lags is worth a warning; that the only replica has what it did itself is worth no word. */
function tellOfFleet(print: Printer, deed: Deed, receipt: ChangeReceipt): void {
  const { fleet } = receipt;
  if (fleet === undefined) return;
  const late = fleet.replicas.filter(({ reached }) => !reached);
  if (!fleet.complete) for (const line of [fleetLine(receipt), ...late.map(progressLine)]) print.warn(line);
  if (print.format !== 'table' || print.quiet) return;
  if (fleet.complete && (deed.waits || fleet.replicas.length > 1)) print.text(fleetLine(receipt));
  if (deed.waits)
    for (const replica of fleet.replicas) if (replica.reached) print.text(`  ${progressLine(replica)}`);
}

function receiptOf(response: Message): ChangeReceipt | undefined {
  const receipt: unknown = 'receipt' in response ? response.receipt : undefined;
  return isMessage(receipt, ChangeReceiptSchema) ? receipt : undefined;
}
