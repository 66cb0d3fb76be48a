/**
 * wslink's `CompositeClosureHelper`: objects put together by functions that
 * each add methods to one public object, over one shared model.
 *
 * @module
 */
import { Events, type EventSubscription } from "./events.ts";

/** A function, of which no more is known. */
export type AnyFunction = (...args: unknown[]) => unknown;

/** Adds methods to a public object, over a model. */
export type Extend<Values, Api> = (
  publicAPI: object,
  model: object,
  initialValues?: Values,
) => Api;

/** What a factory makes: what the extending function returns, or as little as is known of it. */
export type Instance<Api> = Api extends object ? Readonly<Api> : Readonly<object>;

/**
 * Tells whether a value can be called.
 *
 * @param value Any value.
 * @returns Whether it is a function.
 */
export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}

/**
 * Makes a text's first letter a capital.
 *
 * @param text The text.
 * @returns The text with its new first letter.
 */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function has(model: object, name: string): boolean {
  return Boolean(Reflect.get(model, name));
}

/**
 * Tells whether an object answers to a class's name.
 *
 * @param model Its model.
 * @param className The name.
 * @returns Whether it does.
 */
export function isNamed(model: object, className: string): boolean {
  const names: unknown = Reflect.get(model, "isA");
  return Array.isArray(names) && names.includes(className);
}

function isA(publicAPI: object, model: object = {}, name: string | null = null): void {
  const kept: unknown = Reflect.get(model, "isA");
  const names: unknown[] = Array.isArray(kept) ? kept : [];
  Reflect.set(model, "isA", names);
  if (name) names.push(name);
  if (has(publicAPI, "isA")) return;
  Object.assign(publicAPI, { isA: (className: string): boolean => isNamed(model, className) });
}

function set(publicAPI: object, model: object = {}, names: readonly string[] = []): void {
  for (const name of names) {
    const setter = (value: unknown) => {
      Reflect.set(model, name, value);
    };
    Reflect.set(publicAPI, `set${capitalize(name)}`, setter);
  }
}

function get(publicAPI: object, model: object = {}, names: readonly string[] = []): void {
  for (const name of names) {
    Reflect.set(publicAPI, `get${capitalize(name)}`, (): unknown => Reflect.get(model, name));
  }
}

function destroy(publicAPI: object, model: object = {}): void {
  const previous: unknown = Reflect.get(publicAPI, "destroy");
  if (!has(model, "subscriptions")) Reflect.set(model, "subscriptions", []);
  Reflect.set(publicAPI, "destroy", () => {
    if (isFunction(previous)) previous();
    const subscriptions: unknown = Reflect.get(model, "subscriptions");
    while (Array.isArray(subscriptions) && subscriptions.length > 0) {
      const subscription: unknown = subscriptions.pop();
      const end: unknown = Reflect.get(Object(subscription), "unsubscribe");
      if (isFunction(end)) Reflect.apply(end, subscription, []);
    }
    for (const name of Object.keys(model)) Reflect.deleteProperty(model, name);
    Reflect.set(model, "deleted", true);
  });
}

function event(publicAPI: object, model: object, eventName: string, asynchronous = true): void {
  const events = new Events<unknown[]>(eventName, () => has(model, "deleted"), asynchronous);
  const previous: unknown = Reflect.get(publicAPI, "destroy");
  const name = capitalize(eventName);
  Object.assign(publicAPI, {
    [`on${name}`](callback: (...args: unknown[]) => void): EventSubscription | null {
      return events.on(callback);
    },
    [`fire${name}`](...args: unknown[]): void {
      events.fire(publicAPI, args);
    },
    destroy(): void {
      if (isFunction(previous)) previous();
      events.clear();
    },
  });
}

function chain<Args extends readonly unknown[]>(
  ...functions: readonly (((...args: Args) => unknown) | null | undefined | false)[]
): (...args: Args) => void {
  return (...args) => {
    for (const fn of functions) if (fn) fn(...args);
  };
}

function newInstance<Values extends object, Api>(
  extend: Extend<Values, Api>,
): (initialValues?: Values) => Instance<Api>;
function newInstance(extend: Extend<object, unknown>): (initialValues?: object) => object {
  return (initialValues = {}) => {
    const publicAPI = {};
    extend(publicAPI, {}, initialValues);
    return Object.freeze(publicAPI);
  };
}

/** Functions that put wslink's objects together. */
export interface CompositeClosureHelper {
  /**
   * Makes one function of several: it calls each with the arguments it gets.
   *
   * @param functions The functions; what is nothing is left out.
   * @returns The function.
   */
  chain<Args extends readonly unknown[]>(
    ...functions: readonly (((...args: Args) => unknown) | null | undefined | false)[]
  ): (...args: Args) => void;
  /**
   * Adds `destroy()`, which ends what is in the model's `subscriptions`, empties
   * the model and marks it as `deleted`. A `destroy()` that was there is called first.
   *
   * @param publicAPI Gets the method.
   * @param model The model.
   */
  destroy(publicAPI: object, model?: object): void;
  /**
   * Adds an event: `onName(callback)`, which gives an object with
   * `unsubscribe()`, and `fireName(…)`. `destroy()` forgets the callbacks.
   *
   * @param publicAPI Gets the methods.
   * @param model Says with `deleted` whether the object was destroyed.
   * @param eventName The event's name.
   * @param asynchronous Whether callbacks are called from a timer, after whoever set the event off has returned.
   */
  event(publicAPI: object, model: object, eventName: string, asynchronous?: boolean): void;
  /**
   * Adds `getName()` for each of some fields.
   *
   * @param publicAPI Gets the methods.
   * @param model Has the fields.
   * @param names Their names.
   */
  get(publicAPI: object, model?: object, names?: readonly string[]): void;
  /**
   * Adds `isA(name)`, and gives the object one more name to answer to.
   *
   * @param publicAPI Gets the method.
   * @param model Keeps the names, in `isA`.
   * @param name The new name.
   */
  isA(publicAPI: object, model?: object, name?: string | null): void;
  /**
   * Makes a factory of a function that extends objects.
   *
   * @param extend Adds the methods.
   * @returns Makes one object; it is frozen, so that methods are added with `extend` only.
   */
  newInstance<Values extends object, Api>(
    extend: Extend<Values, Api>,
  ): (initialValues?: Values) => Instance<Api>;
  /**
   * Adds `setName(value)` for each of some fields.
   *
   * @param publicAPI Gets the methods.
   * @param model Has the fields.
   * @param names Their names.
   */
  set(publicAPI: object, model?: object, names?: readonly string[]): void;
}

/**
 * How wslink's objects are made, for those who make their own the same way.
 *
 * @example
 * ```ts
 * import { CompositeClosureHelper } from "@hawser/hawser/compat";
 * import { assertEquals } from "@std/assert";
 *
 * function extend(publicAPI: object, model: object, initialValues: { size?: number } = {}) {
 *   Object.assign(model, { size: 400 }, initialValues);
 *   CompositeClosureHelper.get(publicAPI, model, ["size"]);
 *   return Object.assign(publicAPI, { getSize: (): number => Number(Reflect.get(model, "size")) });
 * }
 * const newInstance = CompositeClosureHelper.newInstance(extend);
 * assertEquals(newInstance({ size: 300 }).getSize(), 300);
 * ```
 */
export const CompositeClosureHelper: CompositeClosureHelper = {
  chain,
  destroy,
  event,
  get,
  isA,
  newInstance,
  set,
};
