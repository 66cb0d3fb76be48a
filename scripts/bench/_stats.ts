/**
 * @param values At least one number.
 * @returns The median.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) {
    throw new RangeError("Cannot take the median of no values");
  }
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/**
 * @param value Any number.
 * @returns It with three significant digits and thousands marked, as tables show it.
 */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 4 });
}

/**
 * @param header The column titles; every column but the first is aligned to the right.
 * @param rows The cells.
 * @param align `"left"` keeps every column to the left.
 * @returns A Markdown table, padded so that it reads well as plain text too.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  align: "left" | "right" = "right",
): string {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? "").length))
  );
  const isLeft = (column: number) => column === 0 || align === "left";
  const line = (cells: readonly string[]) =>
    "| " + widths.map((width, column) => {
      const cell = cells[column] ?? "";
      return isLeft(column) ? cell.padEnd(width) : cell.padStart(width);
    }).join(" | ") + " |";
  const rule = "| " +
    widths.map((width, column) => "-".repeat(width - 1) + (isLeft(column) ? "-" : ":")).join(
      " | ",
    ) + " |";
  return [line(header), rule, ...rows.map(line)].join("\n");
}
