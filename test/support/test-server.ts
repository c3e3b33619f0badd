export interface TestServer {
  /** For people: `MongoDB`. */
  readonly name: string;
  /** The environment variable that holds the address of one that runs already. */
  readonly variable: string;
  /** What to run, where a container engine answers. */
  readonly image: string;
  readonly command?: readonly string[];
  readonly port: number;
  /** A line of its log that means that it is ready. */
  readonly readyLine: RegExp;
  address(host: string, port: number): string;
}

/**
 * The address of a server that a suite cannot do without: the one that a variable names, or else a new container, which
 * goes when this process does. Where there is neither, the suite is to be skipped, and a line says so; with
 * VEXIL_TEST_STRICT=1, as in CI, it throws instead. `.ci/servers start` starts servers and prints their variables.
 */
export async function serverOrSkip(server: TestServer): Promise<string | undefined> {
  const given = process.env[server.variable];
  if (given !== undefined && given !== '') return given;
  if (await hasContainerEngine()) return await startContainer(server);
  const missing = `no ${server.name}: ${server.variable} is not set, and no container engine answers`;
  if (process.env.VEXIL_TEST_STRICT === '1') throw new Error(missing);
  process.stderr.write(`\n*** SKIPPED: ${missing}. VEXIL_TEST_STRICT=1 makes this a failure. ***\n\n`);
  return undefined;
}

async function hasContainerEngine(): Promise<boolean> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}

async function startContainer({ image, command, port, readyLine, address }: TestServer): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(image)
    .withExposedPorts(port)
    .withCommand([...(command ?? [])])
    .withWaitStrategy(Wait.forLogMessage(readyLine))
    .start();
  return address(container.getHost(), container.getMappedPort(port));
}
