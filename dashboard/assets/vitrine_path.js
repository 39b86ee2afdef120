/* Decision path in the browser: what is chosen goes into the page's state; the graph's library is fetched here alone. */
(function () {
  "use strict";

  const { changed, navigate, noUpdate, same } = window.vitrine;
  const path = (window.dash_clientside.path = window.dash_clientside.path || {});
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byDefault = { target: "(default)", units: "5", stages: "8", steps: "8" };
  const stepTo = (step) => setProps("path-turn", { data: { step: String(step), at: Date.now() } });
  let fetched = null;

  /* Once in the life of a tab; other pages do without it. */
  path.library = () => {
    if (!fetched) {
      fetched = new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = document.querySelector(".page-path").dataset.library;
        script.addEventListener("load", () => resolve("ready"));
        script.addEventListener("error", () => {
          fetched = null;
          reject(new Error("the graph's library did not arrive"));
        });
        document.head.append(script);
      });
    }
    return fetched;
  };

  window.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest && event.target.closest(".page-path button[data-step]");
      if (button && !button.disabled) {
        stepTo(button.dataset.step);
      }
      if (event.target.closest && event.target.closest("#path-cancel")) {
        setProps("path-clock", { disabled: true }); // a late look would begin it anew
      }
    },
    true,
  );

  path.state = (turn, target, units, stages, steps, other, beside, layers, state) => {
    const by = (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
    const before = state || {};
    if (by === "path-turn.data") {
      return turn ? changed(before, { step: turn.step }) : noUpdate();
    }
    const changes = { other: other === "(none)" ? "" : other || "", beside: (beside || "").trim(), layers: (layers || []).join(",") };
    Object.entries({ target, units, stages, steps }).forEach(([name, value]) => {
      const text = value === null || value === undefined ? "" : String(value);
      changes[name] = text === byDefault[name] ? "" : text;
    });
    const next = changed(before, changes);
    return same(next, changed(before, {})) ? noUpdate() : next;
  };

  /* A unit opens its dossier; what has none is stepped to. */
  path.tap = (nodes) => {
    const node = (nodes || []).find(Boolean);
    if (!node) {
      return noUpdate();
    }
    if (node.href) {
      navigate(node.href);
    } else {
      stepTo(node.stage);
    }
    return Date.now();
  };

  path.picture = (clicks) => {
    const graphs = window.dash_clientside.callback_context.outputs_list || [];
    const ground = getComputedStyle(document.body).getPropertyValue("--v-surface").trim();
    const options = { output: "base64uri", bg: ground, full: true, scale: 2 };
    return graphs.map(() => (clicks ? { type: "png", action: "download", filename: "path", options } : noUpdate()));
  };
})();
