// What the reader may choose. Every choice is part of the page's address, so that it can be kept.

const BOARDS = ["pool.json", "fleet.json"];
const RANGES = ["1m", "5m", "15m", "1h", "6h", "24h"];
const REFRESHES = ["off", "5s", "10s", "30s", "1m"];
const THEMES = ["", "light", "dark"];
const ALL = "$__all";

function option(value, text = value) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function labelled(text, field) {
  const label = document.createElement("label");
  label.append(text, field);
  return label;
}

function select(name, values, chosen) {
  const field = Object.assign(document.createElement("select"), { name });
  const known = [...new Set([...values, chosen])];
  field.append(...known.map((value) => option(value, value || "system")));
  field.value = chosen;
  return field;
}

/** Fills the form; `fill` adds what only Prometheus knows: the values of the variables. */
export function controls(form, parameters, address) {
  const choose = (name, value) => {
    const next = new URLSearchParams(location.search);
    next.set(name, value);
    if (value === "" || value === ALL) next.delete(name);
    location.search = next;
  };
  form.addEventListener("change", ({ target }) => choose(target.name, target.value));
  form.addEventListener("submit", (event) => event.preventDefault());

  const at = Object.assign(document.createElement("input"), {
    type: "url",
    name: "prometheus",
    value: address,
  });
  const variables = new Map();
  const fields = [
    labelled("Board", select("board", BOARDS, parameters.get("board") || BOARDS[0])),
    labelled("Prometheus", at),
    labelled("Range", select("range", RANGES, parameters.get("range") || "15m")),
    labelled("Refresh", select("refresh", REFRESHES, parameters.get("refresh") || "off")),
    labelled("Theme", select("theme", THEMES, parameters.get("theme") || "")),
  ];
  form.append(...fields);

  const fill = (list) => {
    for (const variable of list) {
      let field = variables.get(variable.name);
      if (!field) {
        field = Object.assign(document.createElement("select"), { name: `var-${variable.name}` });
        variables.set(variable.name, field);
        form.append(labelled(variable.label ?? variable.name, field));
      }
      if (field === document.activeElement) continue;
      const chosen = variable.chosen.filter((value) => value !== ALL);
      const values = [...new Set([...variable.options, ...chosen])];
      field.replaceChildren(option(ALL, "All"), ...values.map((value) => option(value)));
      field.value = chosen.length > 0 ? chosen[0] : ALL;
      // The address may choose several, the form only one.
      if (chosen.length > 1) field.selectedOptions[0].textContent = chosen.join(" + ");
    }
  };
  return { fill };
}
