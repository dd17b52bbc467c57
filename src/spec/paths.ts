/** Paths as text: a pure room has no file system. Always with `/`. */
export function resolvePath(directory: string, path: string): string {
  return normalPath(path.startsWith("/") ? path : `${directory}/${path}`);
}

/** Without empty parts, `.`, `..` and the slash at the end. */
export function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** `path` is `directory` or lies in it. Both absolute and normal. */
export const isInside = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
