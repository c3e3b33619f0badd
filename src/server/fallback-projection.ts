import type { Projection } from '../ports/projection.ts';

/** A projection that, where it has no state, loads the other's. Only the first is written, and disposed of with it. */
export function withFallback(projection: Projection, other: Projection): Projection {
  return {
    apply: (...change) => projection.apply(...change),
    reset: (...state) => projection.reset(...state),
    // The log is there as well: a fallback that fails is none.
    load: async (project) =>
      (await projection.load(project)) ?? (await other.load(project).catch(() => undefined)),
    at: (project) => projection.at(project),
    projects: () => projection.projects(),
    [Symbol.asyncDispose]: () => projection[Symbol.asyncDispose](),
  };
}
