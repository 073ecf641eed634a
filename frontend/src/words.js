// The page's language: English is written in the code, others come with the page.
const root = document.documentElement;
const words = JSON.parse(root.dataset.words || "{}");

export const language = root.lang || "en";

// English words in the page's language; %(name)s stands for a value, as on the server.
export function say(english, values = {}) {
  const text = words[english] ?? english;
  return text.replace(/%\((\w+)\)s|%%/g, (_, name) => (name ? values[name] : "%"));
}
