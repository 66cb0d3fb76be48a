/** The declarations of the npm edition: what its entry points can reach, and no more. */

import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
// The plugin wants some TypeScript, and the newest one, which it gets if no other is here, has no API.
import "typescript";

/**
 * Rolls the declarations up: one file for each entry point, and one for what several of them share.
 *
 * @param folder Where the entry points' declarations are, with those that they import.
 * @param entries The entry points, relative to the folder, without extensions.
 * @returns The texts of the new files, by their paths.
 */
export async function rollUpDeclarations(
  folder: string,
  entries: readonly string[],
): Promise<Map<string, string>> {
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, `${folder}/${entry}.d.ts`])),
    external: /^node:/,
    plugins: [dts()],
  });
  const { output } = await bundle.generate({
    format: "es",
    entryFileNames: "[name].d.ts",
    chunkFileNames: ({ name }) => `types/${name.replace(/\.d$/, "")}.d.ts`,
  });
  await bundle.close();
  return new Map(
    output.flatMap((file) => file.type === "chunk" ? [[file.fileName, tidy(file.code)]] : []),
  );
}

/**
 * Takes out of declarations what no editor shows beside a name: the modules' own comments, the
 * examples, which JSR's pages and the README have, and the white space.
 *
 * @param declarations The text of a `.d.ts`.
 * @returns The shorter text, in which each name's comment says the same.
 */
export function tidy(declarations: string): string {
  const comments: string[] = [];
  return declarations
    // No declaration of ours has a string with such marks in it.
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, (comment) => {
      if (comment.includes("@module")) return "";
      comments.push(shorten(comment));
      return `/**${comments.length - 1}*/`;
    })
    .replaceAll(/^[ \t]+|[ \t]+$/gm, "")
    .replaceAll(/\n{2,}/g, "\n")
    .replaceAll(/\/\*\*(\d+)\*\//g, (_, index) => comments[Number(index)] ?? "")
    .trimStart();
}

/** The asterisks are for those who read the file; TypeScript does without. */
function shorten(comment: string): string {
  const text = comment.slice("/**".length, -"*/".length)
    .replaceAll(/^[ \t]*\* ?|[ \t]+$/gm, "")
    .trim()
    .replaceAll(/\n\s*@example[\s\S]*?(?=\n@(?!example)|$)/g, "")
    .replaceAll(/\n{2,}(?=@)/g, "\n");
  return `/** ${text} */`;
}
