/* What the components we use leave out for people who cannot see them, added as they appear. */
(function () {
  "use strict";

  function complete() {
    waiting = false;
    // Hands the focus on to the button beside it, which is a stop of its own: one stop is enough.
    document.querySelectorAll(".dash-dropdown-focus-target[tabindex='0']").forEach((target) => (target.tabIndex = -1));
    document.querySelectorAll(".drop-zone input[type=file]:not([aria-label])").forEach((input) => {
      const words = input.closest(".drop-zone").querySelector("strong");
      input.setAttribute("aria-label", words ? words.textContent : "");
    });
  }

  let waiting = false;
  new MutationObserver(() => {
    if (!waiting) {
      waiting = true;
      window.requestAnimationFrame(complete);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
