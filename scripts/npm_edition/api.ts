/** What a module exports, as TypeScript sees it, so that two editions can be compared. */

import ts from "typescript";

const options: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.esnext.disposable.d.ts"],
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  types: [],
};

const format = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias |
  ts.TypeFormatFlags.UseStructuralFallback;

const arrow = format | ts.TypeFormatFlags.WriteArrowStyleSignature;

/** Sorts what a type is a union of, and has for members: both come as the checker met them. */
function inOrder(type: string): string {
  const text = `type T = ${type}`;
  function write(node: ts.Node): string {
    if (ts.isUnionTypeNode(node)) return node.types.map(write).sort().join(" | ");
    if (ts.isTypeLiteralNode(node)) return `{ ${node.members.map(write).sort().join(" ")} }`;
    let [written, end] = ["", node.getStart()];
    ts.forEachChild(node, (child) => {
      written += text.slice(end, child.getStart()) + write(child);
      end = child.end;
    });
    return written + text.slice(end, node.end);
  }
  const written = write(ts.createSourceFile("type.ts", text, ts.ScriptTarget.ES2023, true));
  return written.slice("type T = ".length);
}

/**
 * Writes the declarations of the project's modules: two editions are compared by declarations alone,
 * since the source knows more, as private members.
 *
 * @param paths The modules.
 * @param top The folder that they are in, which is the project's top.
 * @param outDir Where to.
 */
export function writeDeclarations(paths: string[], top: string, outDir: string): void {
  const program = ts.createProgram(paths, {
    ...options,
    ...{ declaration: true, emitDeclarationOnly: true, rootDir: top, outDir },
  });
  const { diagnostics } = program.emit();
  const [first] = diagnostics;
  if (first !== undefined) {
    throw new Error(ts.flattenDiagnosticMessageText(first.messageText, "\n"));
  }
}

/**
 * Describes what a module exports.
 *
 * @param path The path of its declarations.
 * @returns Its exports by name, each with what an editor shows: its comment, its type, and those of
 * its members.
 */
export function describeModule(path: string): Map<string, string> {
  const program = ts.createProgram([path], { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`${path} is no module`);

  function textOf(type: ts.Type): string {
    return inOrder(checker.typeToString(type, undefined, format));
  }
  /** What an editor shows beside the name; the examples are left to the source. */
  function documentationOf(symbol: ts.Symbol): string {
    const tags = symbol.getJsDocTags(checker).filter(({ name }) =>
      !["example", "module"].includes(name)
    );
    const texts = [
      symbol.getDocumentationComment(checker),
      ...tags.map(({ name, text = [] }) => [{ kind: "text", text: `@${name} ` }, ...text]),
    ];
    return texts.map((text) =>
      ts.displayPartsToString(text).trim().replaceAll(/\s+/g, " ").replaceAll(" }", "}")
    ).join(
      "\n",
    );
  }
  function membersOf(type: ts.Type): string[] {
    if (!type.isClassOrInterface()) return [];
    // That a class has private members is not said by every tool.
    const members = type.getProperties().filter(({ name }) => !/^(?:__)?#/.test(name));
    return members.map((member) => {
      // Well-known symbols have a number that differs from one program to the next.
      const name = member.name.replace(/@\d+$/, "");
      return `${name}: ${textOf(checker.getTypeOfSymbol(member))}\n${documentationOf(member)}`;
    }).sort();
  }
  function describe(symbol: ts.Symbol): string {
    const lines: string[] = [documentationOf(symbol)];
    if (symbol.flags & ts.SymbolFlags.Value) {
      const type = checker.getTypeOfSymbol(symbol);
      lines.push(`value ${textOf(type)}`);
      for (const signature of type.getConstructSignatures()) {
        lines.push(`new ${inOrder(checker.signatureToString(signature, undefined, arrow))}`);
      }
    }
    if (symbol.flags & ts.SymbolFlags.Type) {
      const type = checker.getDeclaredTypeOfSymbol(symbol);
      lines.push(`type ${textOf(type)}`, ...membersOf(type));
    }
    return lines.join("\n");
  }
  return new Map(
    checker.getExportsOfModule(module).map((symbol) => {
      const isAlias = symbol.flags & ts.SymbolFlags.Alias;
      return [symbol.name, describe(isAlias ? checker.getAliasedSymbol(symbol) : symbol)];
    }),
  );
}
