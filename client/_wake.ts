/** When a machine, its network or a page is back that was away. */

/** What a page's `document` has of it; elsewhere there is none. */
type Page = EventTarget & { readonly visibilityState: string };

function pageOf(): Page | undefined {
  return Reflect.get(globalThis, "document");
}

/** A page that nobody sees waits long, so that a hundred hidden tabs don't come back at once. */
export function isHidden(): boolean {
  return pageOf()?.visibilityState === "hidden";
}

/**
 * Tells when the network is back or somebody looks at the page again. A page
 * that nobody sees is told nothing.
 *
 * @param callback Called each time.
 * @returns Tells it no more.
 */
export function onWake(callback: () => void): () => void {
  const page = pageOf();
  const wake = () => {
    if (!isHidden()) callback();
  };
  globalThis.addEventListener?.("online", wake);
  page?.addEventListener("visibilitychange", wake);
  return () => {
    globalThis.removeEventListener?.("online", wake);
    page?.removeEventListener("visibilitychange", wake);
  };
}
