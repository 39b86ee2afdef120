/* What the components we use leave out for people who cannot see them, added as they appear. */
(function () {
  "use strict";

  function complete() {
    waiting = false;
    // Hands the focus on to the button beside it, which is a stop of its own: one stop is enough.
    document.querySelectorAll(".dash-dropdown-focus-target[tabindex='0']").forEach((target) => (target.tabIndex = -1));
    document.querySelectorAll(".drop-zone input[type=file]:not([aria-label])").forEach((input) => {
      const zone = input.closest(".drop-zone");
      const words = (zone.querySelector("strong") || zone).textContent.trim();
      if (words) {
        input.setAttribute("aria-label", words);
      }
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
