import { FlagError } from '../../core/errors.ts';

/** What the addresses of NATS servers say. */
export interface NatsServers {
  /** `host:port` of each. */
  readonly addresses: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Whether one of them asks for TLS. */
  readonly tls: boolean;
}

const DEFAULT_PORT = '4222';

/**
 * Takes apart `nats://host:port` and `tls://host:port`, with `user:password@` or `token@` if need be; the first that
 * has credentials gives them for all. The client would drop credentials, and take `tls` for a mere hint. Throws
 * `invalid`, without the text, for anything else.
 */
export function natsServers(urls: readonly string[]): NatsServers {
  const parsed = urls.map(parse);
  if (parsed.length === 0) throw refused('there is none');
  const { username = '', password = '' } = parsed.find((url) => url.username !== '') ?? {};
  const [first, second] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    addresses: parsed.map(({ hostname, port }) => `${hostname}:${port || DEFAULT_PORT}`),
    tls: parsed.some(({ protocol }) => protocol === 'tls:'),
    ...(second !== '' ? { user: first, password: second } : first !== '' && { token: first }),
  };
}

function parse(text: string): URL {
  const url = URL.parse(text.trim());
  if (url === null || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '')
    throw refused('must be of the form nats://host:port or tls://host:port');
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    throw refused('has more than a host and a port');
  return url;
}

function refused(why: string): FlagError {
  return new FlagError('invalid', `the address of a NATS server ${why}`, { reason: 'NATS_ADDRESS' });
}
