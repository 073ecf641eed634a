// The theme button: system, light, dark. Kept in a cookie, so that the server paints it right at once.
import { say } from "./words.js";

const THEMES = ["system", "light", "dark"];
const YEAR_S = 31536000;
const root = document.documentElement;

function apply(theme, button) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const age = theme === "system" ? 0 : YEAR_S;
  document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax`;
  button.setAttribute("aria-label", say(`Theme: ${theme}`));
  button.title = say(`Theme: ${theme}`);
  root.dispatchEvent(new Event("themechange"));
}

export function watchThemeButtons() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.addEventListener("click", () => {
      const next = (THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length;
      apply(THEMES[next], button);
    });
  }
}

export function onThemeChange(react) {
  root.addEventListener("themechange", react);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", react);
}
