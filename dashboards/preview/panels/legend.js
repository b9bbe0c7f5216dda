// The legend below a plot: a button for each series, with its value where the cursor is.

import { format } from "../units.js";

function last(column) {
  return column.findLast((value) => value !== null);
}

/** `toggled(line, visible)` is called when somebody hides or shows a series. */
export function legend(lines, toggled) {
  const list = Object.assign(document.createElement("ul"), { className: "legend" });
  const values = lines.map((line) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.setAttribute("aria-pressed", "true");
    const key = document.createElement("i");
    key.style.color = line.look.color;
    key.classList.toggle("dashed", line.look.lineStyle?.fill === "dash");
    const value = document.createElement("b");
    button.append(key, line.look.name, value);
    button.addEventListener("click", () => {
      const visible = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(visible));
      toggled(line, visible);
    });
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
    return value;
  });
  /** Shows the values at a moment, or the last ones. */
  const at = (index) => {
    for (const [place, { column, look }] of lines.entries()) {
      const value = index === null || index === undefined ? last(column) : column[index];
      values[place].textContent = format(value, look.unit, look.decimals);
    }
  };
  at(null);
  return { list, at };
}
