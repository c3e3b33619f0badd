/** One thing that a NATS server says: a message with its payload, or a line of the protocol. */
export interface Frame {
  /** As they came. */
  readonly bytes: Buffer;
  /** Of a message; undefined for anything else. */
  readonly subject: string | undefined;
}

const CRLF = '\r\n';
/** A line without an end is not NATS. INFO is the longest, by far. */
const LONGEST_LINE = 1024 * 1024;

/** Cuts what a NATS server sends into frames. Throws for bytes that are not of the protocol. */
export function createFrameParser(): (bytes: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const frames: Frame[] = [];
    for (let frame = firstFrame(rest); frame !== undefined; frame = firstFrame(rest)) {
      frames.push(frame);
      rest = rest.subarray(frame.bytes.length);
    }
    return frames;
  };
}

/** Undefined: it has not arrived in full. */
function firstFrame(bytes: Buffer): Frame | undefined {
  const lineEnd = bytes.indexOf(CRLF);
  if (lineEnd < 0) {
    if (bytes.length > LONGEST_LINE) throw new Error('not the protocol of NATS: a line without an end');
    return undefined;
  }
  const afterLine = lineEnd + CRLF.length;
  const [verb = '', subject = '', ...more] = bytes.toString('latin1', 0, lineEnd).split(/[ \t]+/);
  if (!/^H?MSG$/i.test(verb)) return { bytes: bytes.subarray(0, afterLine), subject: undefined };
  const payloadBytes = Number(more.at(-1));
  if (!Number.isInteger(payloadBytes)) throw new Error(`not the protocol of NATS: ${verb} without a size`);
  const end = afterLine + payloadBytes + CRLF.length;
  return end > bytes.length ? undefined : { bytes: bytes.subarray(0, end), subject };
}
