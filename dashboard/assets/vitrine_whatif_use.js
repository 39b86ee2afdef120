/* The hands of the What-if editor: pointer, sliders and keys. What they do is in vitrine_whatif.js. */
(function () {
  "use strict";

  const { session, BRUSHES, LEVELS, ACTIONS } = window.vitrine.editor;
  const { visible, tool, within, longer, pointOf, marks, pick, begin, brushTo, end, cut, compare, preview, settle, showSource } = window.vitrine.editor;
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const byId = (id) => document.getElementById(id);

  /* ---- pointer ---- */

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-edit]");
    if (button && visible() && session().work && ACTIONS[button.dataset.edit]) {
      ACTIONS[button.dataset.edit](button);
    } else if (event.target.id === "try-edit-source" && visible()) {
      const area = event.target.getBoundingClientRect();
      session().from = { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
      showSource();
    }
  });

  document.addEventListener("pointerdown", (event) => {
    if (!visible() || !session().work || event.button !== 0) {
      return;
    }
    if (event.target.closest(".edit-compare")) {
      compare(true);
    } else if (event.target === session().canvas) {
      session().point = pointOf(event);
      session().canvas.setPointerCapture(event.pointerId);
      if (session().picking || event.altKey) {
        pick(session().point);
      } else if (BRUSHES.includes(tool())) {
        begin(session().point);
      } else if (tool() === "crop") {
        session().corner = session().point;
      }
    }
  });

  document.addEventListener("pointermove", (event) => {
    if (!visible() || event.target !== session().canvas) {
      return;
    }
    session().point = pointOf(event);
    if (session().stroke) {
      brushTo(session().point);
    } else if (session().corner) {
      const [x, y] = [Math.min(session().corner.x, session().point.x), Math.min(session().corner.y, session().point.y)];
      session().frame = { x, y, width: Math.abs(session().point.x - session().corner.x), height: Math.abs(session().point.y - session().corner.y) };
    }
    marks();
  });

  function letGo(event) {
    if (!visible()) {
      return;
    }
    compare(false);
    session().corner = null;
    if (session().stroke) {
      end();
    } else if (Object.values(LEVELS).includes(event.target.id)) {
      settle();
    }
  }
  document.addEventListener("pointerup", letGo);
  document.addEventListener("pointercancel", letGo);

  document.addEventListener("pointerout", (event) => {
    if (visible() && event.target === session().canvas && !session().stroke) {
      session().point = null;
      marks();
    }
  });

  /* ---- sliders ---- */

  document.addEventListener("input", (event) => {
    if (!visible() || !session().work) {
      return;
    }
    if (event.target.id === "try-edit-size") {
      sized(Number(event.target.value));
    } else if (event.target.id === LEVELS[tool()]) {
      preview(Number(event.target.value));
    }
  });
  document.addEventListener("focusout", (event) => visible() && Object.values(LEVELS).includes(event.target.id) && settle());

  function sized(value) {
    const said = byId("try-edit-size").parentElement.querySelector("output");
    said.textContent = `${value} ${said.dataset.unit}`;
    session().source && tool() === "patch" && showSource();
    marks();
  }

  function grow(step) {
    if (tool() === "crop") {
      const by = (longer() * step) / 25;
      const { x, y, width, height } = session().frame;
      session().frame = { x: x - by / 2, y: y - by / 2, width: Math.max(width + by, 1), height: Math.max(height + by, 1) };
      marks();
      return;
    }
    const input = byId("try-edit-size");
    const value = within(Number(input.value) + 2 * step, Number(input.min), Number(input.max));
    input.value = value;
    window.dash_clientside.set_props("try-edit-size", { value });
    sized(value);
  }

  /* ---- keys; before the page's own, which ask whether a key was taken ---- */

  function move([right, down], fine) {
    const by = fine ? 1 : Math.max(longer() / 32, 1);
    if (tool() === "crop") {
      session().frame = { ...session().frame, x: session().frame.x + right * by, y: session().frame.y + down * by };
    } else if (LEVELS[tool()]) {
      const most = Number(byId(LEVELS[tool()]).max);
      preview(within(session().level + (right - down) * (fine ? 1 : 5), -most, most));
    } else {
      const { x, y } = session().point || { x: session().canvas.width / 2, y: session().canvas.height / 2 };
      session().point = { x: within(x + right * by, 0, session().canvas.width), y: within(y + down * by, 0, session().canvas.height) };
    }
    marks();
  }

  /* The place in the other image, as a share of its sides, that is pasted where a stroke begins. */
  function moveSource([right, down], fine) {
    const by = fine ? 0.01 : 0.05;
    const { x, y } = session().from || { x: 0.5, y: 0.5 };
    session().from = { x: within(x + right * by, 0, 1), y: within(y + down * by, 0, 1) };
    showSource();
  }

  function apply() {
    if (tool() === "crop") {
      cut();
    } else if (LEVELS[tool()]) {
      settle();
    } else if (session().picking) {
      session().point && pick(session().point);
    } else if (session().point && (tool() !== "patch" || session().source)) {
      begin(session().point);
      end();
    }
  }

  /* What a key does, null if it is not the editor's. */
  function meant(event) {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      const past = key === "y" || (key === "z" && event.shiftKey) ? ACTIONS.redo : key === "z" ? ACTIONS.undo : null;
      return event.altKey ? null : past;
    }
    if (event.target === session().canvas) {
      if (ARROWS[event.key]) {
        return () => move(ARROWS[event.key], event.shiftKey);
      }
      if (key === " " || key === "enter") {
        return apply;
      }
    }
    if (event.target.id === "try-edit-source" && ARROWS[event.key] && session().source) {
      return () => moveSource(ARROWS[event.key], event.shiftKey);
    }
    if (event.target.id === LEVELS[tool()] && key === "enter") {
      return settle;
    }
    if (key === "[" || key === "]") {
      return () => grow(key === "]" ? 1 : -1);
    }
    const held = key === "o" || (event.target.closest(".edit-compare") && (key === " " || key === "enter"));
    return held ? () => compare(true) : null;
  }

  document.addEventListener(
    "keydown",
    (event) => {
      if (!visible() || !session().work || !event.target.closest || event.target.closest("input:not([type=range]), textarea, [contenteditable]")) {
        return;
      }
      const action = meant(event);
      if (action) {
        event.preventDefault();
        action();
      }
    },
    true,
  );
  document.addEventListener("keyup", () => visible() && compare(false));
  document.addEventListener("focusin", (event) => {
    if (visible() && event.target === session().canvas && !session().point && session().canvas.matches(":focus-visible")) {
      session().point = { x: session().canvas.width / 2, y: session().canvas.height / 2 };
      marks();
    }
  });
  window.addEventListener("resize", () => visible() && session().work && marks());
  window.addEventListener("blur", () => visible() && compare(false));

})();
