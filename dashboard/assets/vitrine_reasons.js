/* Reasons in the browser: controls to state. */
(function () {
  "use strict";

  const { changed, noUpdate, same } = window.vitrine;
  const pages = (window.dash_clientside.pages = window.dash_clientside.pages || {});

  pages.reasonsState = (method, other, align, state) => {
    const before = changed(state || {}, {});
    const changes = { align: align === "plain" ? "" : align };
    // Before the pickers are filled they say nothing; and a first choice that goes without saying stays unsaid.
    if (method && (before.method || method !== firstOf("reasons-method"))) {
      changes.method = method;
    }
    if (other && before.view === "versions") {
      changes.other = other;
    }
    const next = changed(before, changes);
    if (next.method !== before.method || next.other !== before.other) {
      delete next.page;
    }
    return same(next, before) ? noUpdate() : next;
  };

  function firstOf(id) {
    const select = document.getElementById(id);
    return select && select.options.length ? select.options[0].value : "";
  }
})();
