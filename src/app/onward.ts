/** Goes on with a value at once if it is here, and when it comes if it is not: what is here costs no promise. */
export function onward<T, R>(value: T | Promise<T>, next: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
