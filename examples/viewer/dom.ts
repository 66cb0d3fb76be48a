/** What the page's parts have in common: finding and making elements. @module */
/// <reference lib="dom" />

/** Finds an element that the page must have. */
export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} named "${id}"`);
}

/** Makes an element with a text; with a colour it is a tag. */
export function element(tag: string, text: string, colour?: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (colour) made.className = "tag", made.style.setProperty("--colour", colour);
  return made;
}

/** Adds a button to a group. */
export function button(group: string, text: string, act: () => void): HTMLElement {
  const made = element("button", text);
  made.onclick = act;
  find(group, HTMLElement).append(made);
  return made;
}

/** Shows which of a group's buttons is pressed. */
export function press(group: string, text: string | undefined): void {
  for (const button of find(group, HTMLElement).children) {
    button.ariaPressed = String(button.textContent === text);
  }
}

/** Adds buttons of which one is pressed, the first to begin with. */
export function choice<T>(group: string, values: Record<string, T>, act: (value: T) => void): void {
  for (const [text, value] of Object.entries(values)) {
    button(group, text, () => (press(group, text), act(value)));
  }
  press(group, Object.keys(values)[0]);
}
