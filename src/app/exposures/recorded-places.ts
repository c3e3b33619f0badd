import { DEFAULT_RECORDING, type Recording } from '../../core/model.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import { type AnswerSheets, sheetsOf } from '../answer-sheet.ts';
import type { Catalog } from '../catalog.ts';
import { SubjectNames } from './subject-names.ts';

/** An environment, as it wants to be recorded. The same object as long as that does not change. */
export interface RecordedEnvironment extends RecordedPlace {
  /** `project/environment` */
  readonly key: string;
  readonly disabled: boolean;
  readonly keptAttributes: readonly string[];
  /** Undefined: targeting keys are kept as they are. */
  readonly names: SubjectNames | undefined;
}

/** One snapshot of it. */
export interface RecordedMoment {
  readonly environment: RecordedEnvironment;
  readonly revision: number;
  /** What was answered to those who asked for many flags. */
  readonly sheets: AnswerSheets;
}

/** Knows how each environment wants to be recorded. */
export class RecordedPlaces {
  readonly #catalog: Pick<Catalog, 'known'>;
  readonly #pepper: string;
  readonly #moments = new WeakMap<Snapshot, RecordedMoment>();
  readonly #environments = new Map<string, { recording: Recording; environment: RecordedEnvironment }>();
  #lastSnapshot: Snapshot | undefined;
  #lastMoment: RecordedMoment | undefined;

  constructor(catalog: Pick<Catalog, 'known'>, pepper: string) {
    this.#catalog = catalog;
    this.#pepper = pepper;
  }

  /** The settings that were in force when the snapshot was first asked for here. */
  of(snapshot: Snapshot): RecordedMoment {
    if (snapshot === this.#lastSnapshot && this.#lastMoment !== undefined) return this.#lastMoment;
    const moment = this.#moments.get(snapshot) ?? this.#newMoment(snapshot);
    this.#lastSnapshot = snapshot;
    this.#lastMoment = moment;
    return moment;
  }

  /** How the environment wants to be recorded now. */
  at({ project, environment }: RecordedPlace): RecordedEnvironment {
    const recording =
      this.#catalog.known(project)?.environments.get(environment)?.state.recording ?? DEFAULT_RECORDING;
    const key = `${project}/${environment}`;
    const known = this.#environments.get(key);
    if (known?.recording === recording) return known.environment;
    const made: RecordedEnvironment = {
      ...{ project, environment, key, disabled: recording.disabled },
      keptAttributes: recording.keptAttributes,
      names: recording.hashTargetingKeys
        ? (known?.environment.names ?? new SubjectNames(this.#pepper, { project, environment }))
        : undefined,
    };
    if (this.#environments.size >= MOST_KNOWN) this.#environments.clear();
    this.#environments.set(key, { recording, environment: made });
    return made;
  }

  #newMoment(snapshot: Snapshot): RecordedMoment {
    const moment = {
      environment: this.at(snapshot),
      revision: snapshot.revision,
      sheets: sheetsOf(snapshot),
    };
    this.#moments.set(snapshot, moment);
    return moment;
  }
}

const MOST_KNOWN = 10_000;
