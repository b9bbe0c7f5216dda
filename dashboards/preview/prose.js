// The little of Markdown that descriptions use: paragraphs, **strong**, *emphasis*, `code`.

const MARKS = /\*\*(.+?)\*\*|\*(.+?)\*|`(.+?)`/gs;

/** Paragraphs as elements; what is not a mark stays the text it is. */
export function paragraphs(text) {
  return text.split(/\n\s*\n/).map((part) => {
    const paragraph = document.createElement("p");
    let from = 0;
    for (const found of part.matchAll(MARKS)) {
      paragraph.append(part.slice(from, found.index));
      const [, strong, emphasis, code] = found;
      const name = strong ? "strong" : emphasis ? "em" : "code";
      const textContent = strong ?? emphasis ?? code;
      paragraph.append(Object.assign(document.createElement(name), { textContent }));
      from = found.index + found[0].length;
    }
    paragraph.append(part.slice(from));
    return paragraph;
  });
}
