import { RE2JS } from 're2js';
import type { Json, JsonObject } from '../core/model.ts';
import { APPLICATORS, subSchemas } from './schema-applicators.ts';
import { ASSERTIONS, isObject } from './schema-assertions.ts';

export interface Problem {
  /** Such as `/items/3/name`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/** A value at its place, and which of its items and members schemas have had a say in. */
export interface Place {
  readonly value: Json;
  readonly path: string;
  readonly depth: number;
  readonly evaluated: Set<string>;
}

type Step = (place: Place) => Problem | undefined;

const MAX_PATTERN_LENGTH = 1_000;
const MAX_DEPTH = 500;
const UNSUPPORTED = ['$dynamicRef', '$recursiveRef'];
/** Nothing that could mean another place to somebody else. */
const REFERENCE = /^#(?:\/(\$defs|definitions)\/([\w.-]+))?$/;

/**
 * Holds values against a JSON Schema (draft 2020-12) that is valid by its meta-schema. A short schema can ask for more
 * work than there is time in the world: steps are counted, over all values, and whatever goes beyond `maxSteps` throws
 * an Error. So does, in the constructor, a schema with a reference or a pattern that leads nowhere.
 */
export class SchemaCheck {
  readonly #root: JsonObject;
  readonly #patterns = new Map<string, RE2JS>();
  readonly #steps = new Map<JsonObject, readonly Step[]>();
  #stepsLeft: number;

  constructor(root: JsonObject, maxSteps: number) {
    this.#root = root;
    this.#stepsLeft = maxSteps;
    this.#resolve(root);
  }

  /** The first place where the value breaks the schema. */
  problemIn(value: Json): Problem | undefined {
    return this.apply(this.#root, { value, path: '', depth: 0, evaluated: new Set() });
  }

  readonly spend = (steps: number): void => {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new Error('takes too much work to check');
  };

  apply(schema: Json | undefined, place: Place): Problem | undefined {
    this.spend(4);
    if (place.depth > MAX_DEPTH) throw new Error('is nested too deep, or refers to itself without end');
    if (schema === false) return { path: place.path, message: 'must NOT be there' };
    if (!isObject(schema)) return undefined;
    for (const step of this.#stepsOf(schema)) {
      this.spend(1);
      const problem = step(place);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** The same value by another schema, which has had its say in what is inside only if the value passes. */
  alsoBy(schema: Json | undefined, place: Place): Problem | undefined {
    const evaluated = new Set<string>();
    const problem = this.apply(schema, { ...place, depth: place.depth + 1, evaluated });
    if (problem !== undefined) return problem;
    this.spend(evaluated.size);
    for (const name of evaluated) place.evaluated.add(name);
    return undefined;
  }

  matches(pattern: string, text: string): boolean {
    const compiled = this.#patterns.get(pattern) ?? this.#compile(pattern);
    this.spend(compiled.programSize() * (text.length + 1));
    return compiled.test(text);
  }

  referred(reference: Json): Json {
    const match = typeof reference === 'string' ? REFERENCE.exec(reference) : null;
    if (match === null) throw new Error('$ref may only refer to # and to #/$defs/<name>');
    const [, where, name] = match;
    if (where === undefined || name === undefined) return this.#root;
    const definitions = this.#root[where];
    const found = isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (found === undefined) throw new Error(`$ref refers to ${reference}, which is not there`);
    return found;
  }

  /** The cheap ones first. */
  #stepsOf(schema: JsonObject): readonly Step[] {
    const known = this.#steps.get(schema);
    if (known !== undefined) return known;
    const steps: Step[] = [];
    for (const [keyword, operand] of Object.entries(schema)) {
      const assertion = ASSERTIONS.get(keyword);
      if (assertion === undefined) continue;
      steps.push(({ value, path }) => {
        const message = assertion(value, operand, this.spend);
        return message === undefined ? undefined : { path, message };
      });
    }
    for (const [keyword, applicator] of APPLICATORS) {
      const operand = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined;
      if (operand !== undefined) steps.push((place) => applicator(operand, place, this, schema));
    }
    this.#steps.set(schema, steps);
    return steps;
  }

  #resolve(schema: JsonObject): void {
    for (const keyword of UNSUPPORTED)
      if (Object.hasOwn(schema, keyword)) throw new Error(`${keyword} is not supported`);
    if (Object.hasOwn(schema, '$id') && schema !== this.#root)
      throw new Error('only the whole schema may have an $id');
    if (schema.$ref !== undefined) this.referred(schema.$ref);
    if (typeof schema.pattern === 'string') this.#compile(schema.pattern);
    if (isObject(schema.patternProperties))
      for (const pattern of Object.keys(schema.patternProperties)) this.#compile(pattern);
    for (const each of subSchemas(schema)) if (isObject(each)) this.#resolve(each);
  }

  #compile(pattern: string): RE2JS {
    if (pattern.length > MAX_PATTERN_LENGTH)
      throw new Error(`a pattern may have ${MAX_PATTERN_LENGTH} characters`);
    const compiled = RE2JS.compile(pattern);
    this.spend(compiled.programSize());
    this.#patterns.set(pattern, compiled);
    return compiled;
  }
}
