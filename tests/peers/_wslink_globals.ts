/**
 * What wslink's JavaScript reads from a page while its module loads. Imported before wslink:
 * Deno has no window, and wslink computes its default addresses from one at once.
 */

if (!("document" in globalThis)) {
  const location = new URL("http://localhost/");
  Object.assign(globalThis, {
    window: Object.assign(Object.create(globalThis), { location }),
    document: { baseURI: location.href },
  });
}
