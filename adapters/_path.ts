/**
 * The path that a URL's path means.
 *
 * @param pathname The URL's path, percent-encoded.
 * @returns The path, or `undefined` if no file can have it.
 */
export function decodePath(pathname: string): string | undefined {
  try {
    const path = decodeURIComponent(pathname);
    // On Windows a backslash would be a second separator, which normalize() doesn't see.
    return /[\0\\]/.test(path) ? undefined : path;
  } catch {
    return undefined;
  }
}
