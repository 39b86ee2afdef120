/* Inside in the browser: what is chosen goes into the page's state, and from there into the address. */
(function () {
  "use strict";

  const { changed, noUpdate, same } = window.vitrine;
  const inside = (window.dash_clientside.inside = window.dash_clientside.inside || {});
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const byDefault = { sort: "highest", show: "all", pictures: "samples" };

  /* Units are turned in place. Before the frame's own handler, which would show the page anew. */
  window.addEventListener(
    "click",
    (event) => {
      const anchor = event.target.closest && event.target.closest(".page-inside a[data-unit]");
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
      if (anchor && plain) {
        event.preventDefault();
        event.stopPropagation();
        setProps("inside-turn", { data: { unit: anchor.dataset.unit, at: Date.now() } });
      }
      if (event.target.closest && event.target.closest("#inside-cancel")) {
        setProps("inside-vision-clock", { disabled: true }); // a late look would begin it anew
      }
    },
    true,
  );

  inside.state = (turn, layer, sort, show, pictures, options, state) => {
    const by = (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
    const before = state || {};
    let changes = { layer };
    Object.entries({ sort, show, pictures }).forEach(([name, value]) => {
      changes[name] = value === byDefault[name] ? "" : value;
    });
    const inputs = window.dash_clientside.callback_context.inputs_list[5] || [];
    const form = document.querySelector(".vision-controls");
    const usual = form ? JSON.parse(form.dataset.defaults) : {};
    inputs.forEach((input) => {
      const value = input.value === null || input.value === undefined ? "" : String(input.value);
      changes[input.id.name] = value === usual[input.id.name] ? "" : value;
    });
    if (by === "inside-turn.data" && turn) {
      changes.unit = turn.unit;
    }
    if (before.layer && layer && before.layer !== layer) {
      changes = { ...changes, unit: "", page: "" };
    } else if (["sort", "show"].some((name) => (before[name] || "") !== changes[name])) {
      changes.page = "";
    }
    const objective = (inputs.find((input) => input.id.name === "objective") || {}).value;
    if (form && objective) {
      form.className = `vision-controls objective-${objective}`;
    }
    const next = changed(before, changes);
    return same(next, changed(before, {})) ? noUpdate() : next;
  };
})();
