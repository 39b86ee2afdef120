/* Sample and Try in the browser: keys, turning in place, what is to be explained, files by drop and paste. */
(function () {
  "use strict";

  const { changed, noUpdate, same, word } = window.vitrine;
  const pages = (window.dash_clientside.pages = window.dash_clientside.pages || {});
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const cause = () => (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
  const clicked = () => {
    const first = window.dash_clientside.callback_context.triggered[0];
    return first && first.value ? first : null;
  };
  /* The pattern-matching id of what was clicked, null if only the list of such components changed. */
  const part = () => {
    const first = clicked();
    return first && first.prop_id.startsWith("{") ? JSON.parse(first.prop_id.slice(0, first.prop_id.lastIndexOf("."))) : null;
  };

  function turnTo(sample) {
    setProps("sample-turn", { data: { sample, at: Date.now() } });
    window.scrollTo({ top: 0 });
  }

  /* Before the frame's own handler, which would show the page anew instead of turning it in place. */
  window.addEventListener(
    "click",
    (event) => {
      const anchor = event.target.closest && event.target.closest("a[data-turn]");
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
      if (anchor && plain) {
        event.preventDefault();
        event.stopPropagation();
        turnTo(anchor.dataset.turn);
      }
    },
    true,
  );

  const typing = (target) =>
    target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable], [role=slider], [role=combobox]");

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || !event.target.closest) {
      return;
    }
    if (typing(event.target)) {
      if (event.key === "Escape") {
        event.target.blur();
      }
      return;
    }
    if (event.key.startsWith("Arrow") && event.target.closest(".gallery")) {
      return;
    }
    const bound = Array.from(document.querySelectorAll("[data-shortcut]")).find(
      (element) => element.dataset.shortcut.split(" ").includes(event.key) && element.offsetParent !== null && !element.disabled,
    );
    if (!bound) {
      return;
    }
    event.preventDefault();
    const input = bound.querySelector("input");
    if (input) {
      input.focus();
      input.select();
    } else if (!event.repeat || bound.dataset.turn) {
      bound.click();
    }
  });

  const DEFAULT = "(default)";
  const chosen = (value) => (value === DEFAULT ? "" : value || "");

  /* What the pickers of a page say, merged into its state; a click on a bar goes through the picker of the class. */
  function explained(page, state, method, target, contrast, layers) {
    const bar = part();
    if (bar && bar.class !== undefined) {
      setProps(`${page}-target`, { value: bar.class === target ? DEFAULT : bar.class });
      return null;
    }
    const before = state || {};
    const other = chosen(method) !== (before.method || "");
    if (other && (layers || []).length) {
      setProps(`${page}-layers`, { value: [] }); // what one method looks at need not exist for another
    }
    const places = other ? "" : (layers || []).join(",");
    const next = changed(before, { method: chosen(method), target: chosen(target), contrast: chosen(contrast), layers: places });
    return same(next, changed(before, {})) ? null : next;
  }

  pages.sampleState = (turn, method, target, contrast, layers, _bars, recorded, state, subject) => {
    const by = cause();
    if (by === "sample-turn.data") {
      return turn ? { ...state, sample: turn.sample } : noUpdate();
    }
    if (by === "sample-recorded.data") {
      const on = recorded && recorded.advance && subject && subject.following && subject.sample === recorded.sample;
      return on ? { ...state, sample: subject.following } : noUpdate();
    }
    return explained("sample", state, method, target, contrast, layers) || noUpdate();
  };

  pages.mapsState = (method, target, contrast, layers, state) =>
    explained("maps", state, method, target, contrast, layers) || noUpdate();

  const away = {}; // id of a button that asks again -> whether the engine was away at the last look

  /* What the engine could not answer is asked again as soon as it is back. */
  pages.askAgain = (engine, clicks) => {
    if (!engine) {
      return noUpdate();
    }
    const button = window.dash_clientside.callback_context.outputs_list.id;
    const back = away[button] && engine.props["data-engine"] === "ready";
    away[button] = engine.props["data-engine"] === "away";
    return back ? (clicks || 0) + 1 : noUpdate();
  };

  pages.sampleAction = (_confirm, _flag, _undo, chosen, _relabel, _relabelEnter, _comment, _commentEnter, _tag, _tagEnter, label, comment, tag, subject) => {
    const nothing = [noUpdate(), noUpdate(), noUpdate(), noUpdate()];
    const act = (action) => ({ ...action, sample: subject.sample, at: Date.now() });
    if (!clicked() || !subject) {
      return nothing;
    }
    const by = cause().split(".")[0];
    if (by === "sample-chosen") {
      const { at: _at, ...action } = chosen;
      return [act(action), noUpdate(), noUpdate(), noUpdate()];
    }
    const simple = { "sample-confirm": "confirm", "sample-flag": "flag", "sample-undo": "undo" }[by];
    if (simple) {
      return [act({ kind: simple }), noUpdate(), noUpdate(), noUpdate()];
    }
    if (by === "sample-relabel" || by === "sample-relabel-input") {
      leaveInput();
      return [act({ kind: "relabel", label: label || "" }), "", noUpdate(), noUpdate()];
    }
    leaveInput();
    if (by === "sample-tag" || by === "sample-tag-input") {
      return [act({ kind: "tag", choice: tag || "" }), noUpdate(), noUpdate(), ""];
    }
    return [act({ kind: "comment", comment: comment || "" }), noUpdate(), "", noUpdate()];
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-class]");
    if (button && button.closest(".page-sample")) {
      choose({ kind: "relabel", label: button.dataset.class });
    }
    const judged = event.target.closest && event.target.closest(".page-sample [data-judge]");
    if (judged) {
      const [kind, choice] = judged.dataset.judge.split(":");
      kind === "verdict" ? giveVerdict(choice) : choose({ kind, choice });
    }
  });

  const choose = (action) => setProps("sample-chosen", { data: { ...action, at: Date.now() } });

  /* What is drawn goes with the verdict. */
  function giveVerdict(choice) {
    const { marks } = window.vitrine;
    choose({ kind: "verdict", choice, regions: marks.regions() });
    marks.kept();
  }

  document.addEventListener("vitrine-keep-marks", () => {
    const given = document.querySelector(".page-sample [data-judge][aria-pressed=true]");
    if (given) {
      giveVerdict(given.dataset.judge.split(":")[1]);
    } else if (document.querySelector(".page-sample")) {
      window.dash_clientside.vitrine.showNotice({ text: word("marks-verdict"), kind: "info" });
    }
  });

  /* After Enter the keys shall work again. */
  function leaveInput() {
    if (document.activeElement && document.activeElement.matches("input")) {
      document.activeElement.blur();
    }
  }

  /* ---- Try ---- */

  pages.tryFile = (contents, limit) => {
    if (!contents) {
      return noUpdate();
    }
    if (limit && contents.length > (limit * 4) / 3 + 100) {
      return { too_large: true, at: Date.now() };
    }
    preview(contents);
    return { contents, at: Date.now() };
  };

  /* Shows the image at once, long before the server has it. */
  function preview(contents) {
    if (contents.startsWith("data:image/")) {
      expect(contents, "picture");
    }
  }

  /* What was said about the image before must not stand beside this one. */
  function expect(image, look) {
    setProps("try-result", { hidden: false });
    setProps("try-image", { src: image, className: look });
    setProps("try-map", { hidden: true });
    ["try-head", "try-bars", "try-evidence"].forEach((part) => setProps(part, { children: null }));
  }

  document.addEventListener("click", (event) => {
    const image = event.target.closest && event.target.closest(".example") && event.target.closest(".example").querySelector("img");
    if (image) {
      expect(image.src, image.className ? "picture pixels" : "picture");
    }
  });

  pages.tryState = (uploaded, method, target, contrast, layers, _bars, state) => {
    if (cause() === "try-uploaded.data") {
      if (!uploaded) {
        return noUpdate();
      }
      if (uploaded.edit) {
        return changed(state || {}, uploaded.edit); // the editor begins, goes on or ends
      }
      if (!uploaded.digest) {
        return { ...state }; // refused: shows again what was there before its preview
      }
      const editing = state && state.original ? uploaded.digest : "";
      ["try-target", "try-contrast"].forEach((picker) => setProps(picker, { value: DEFAULT }));
      return changed(state || {}, { upload: uploaded.digest, original: editing, sample: "", target: "", contrast: "" });
    }
    return explained("try", state, method, target, contrast, layers) || noUpdate();
  };

  const zone = () => document.getElementById("try-upload");

  function take(file) {
    const reader = new FileReader();
    reader.addEventListener("load", () => setProps("try-upload", { contents: reader.result }));
    reader.readAsDataURL(file);
  }

  document.addEventListener("paste", (event) => {
    if (!zone() || !event.clipboardData || (event.target.closest && event.target.closest("input, textarea"))) {
      return;
    }
    const file = Array.from(event.clipboardData.files).find((one) => one.type.startsWith("image/"));
    if (file) {
      event.preventDefault();
      take(file);
    }
  });

  /* An image that misses the frame is meant for it all the same; without this the browser would leave the page. */
  document.addEventListener("dragover", (event) => {
    if (zone() && event.dataTransfer && Array.from(event.dataTransfer.types).includes("Files")) {
      event.preventDefault();
      document.documentElement.classList.add("file-over");
    }
  });
  const leave = () => document.documentElement.classList.remove("file-over");
  document.addEventListener("dragleave", (event) => !event.relatedTarget && leave());
  document.addEventListener("drop", (event) => {
    leave();
    if (!zone() || !event.dataTransfer || !event.dataTransfer.files.length) {
      return;
    }
    event.preventDefault();
    if (!event.target.closest(".drop-zone")) {
      take(event.dataTransfer.files[0]);
    }
  });
})();
