/* Chooses light or dark before the first paint: what the person chose, else what their system says. */
(function () {
  "use strict";
  let chosen = null;
  try {
    chosen = window.localStorage.getItem("vitrine-theme");
  } catch (error) {
    chosen = null; // storage may be forbidden; the system's choice is good enough
  }
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (name) => {
    document.documentElement.dataset.bsTheme = name;
    document.documentElement.dataset.agThemeMode = name;
  };
  apply(chosen === "dark" || chosen === "light" ? chosen : dark.matches ? "dark" : "light");
  window.vitrineTheme = {
    toggle() {
      const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
      apply(next);
      try {
        window.localStorage.setItem("vitrine-theme", next);
      } catch (error) {
        return next;
      }
      return next;
    },
  };
})();
