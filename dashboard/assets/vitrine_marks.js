/* Regions that people mark on a picture: shown, drawn by pointer or keys, and handed to the page that keeps them. */
(function () {
  "use strict";

  const { noUpdate, word } = window.vitrine;
  const masks = window.vitrine.masks;
  const ROLES = ["should_look", "must_not_look"];
  const COLOURS = { should_look: "#36b3ff", must_not_look: "#ff9d2e" };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const MOST_STEPS = 50;

  let scene = null; // what is marked: {sample, size, frame, own, others, steps, changed}
  let drawing = false;
  let [role, tool, size] = ["should_look", "brush", 8]; // size in percent of the longer side
  let [point, last, corners] = [null, null, []];

  const shown = (selector) => Array.from(document.querySelectorAll(selector)).find((found) => found.offsetParent !== null);
  const canvas = () => shown("canvas[data-marks]");
  const every = (selector, change) => document.querySelectorAll(selector).forEach(change);
  const pair = (size) => Object.fromEntries(ROLES.map((name) => [name, masks.blank(...size)]));

  /* `data`: {sample, size, frame, regions: [{role, width, height, counts, own}]} */
  function load(data) {
    const same = scene && data && scene.sample === data.sample;
    if (!data || !data.size) {
      scene = null;
    } else if (!same || !scene.changed) {
      scene = { sample: data.sample, size: data.size, frame: data.frame, own: pair(data.size), others: pair(data.size), steps: [], changed: false };
      data.regions.forEach((region) => masks.add((region.own ? scene.own : scene.others)[region.role], region));
    }
    if (!same) {
      draw(false);
    }
    corners = [];
    press(data && data.verdict);
    tell();
    show();
  }

  /* The verdict that the person gave before. */
  function press(verdict) {
    every("[data-judge^='verdict:']", (button) => button.setAttribute("aria-pressed", String(button.dataset.judge === `verdict:${verdict}`)));
  }

  /* What the page sends along with a verdict. */
  function regions() {
    return scene ? ROLES.filter((name) => !masks.empty(scene.own[name])).map((name) => ({ role: name, ...masks.encode(scene.own[name]) })) : [];
  }

  function kept() {
    if (scene) {
      scene.changed = false;
      scene.steps = [];
    }
    draw(false);
  }

  function tell() {
    const any = scene && ROLES.some((name) => !masks.empty(scene.own[name]));
    every("[data-mark-told]", (box) => {
      box.textContent = scene && scene.changed ? word("marks-unsaved") : any ? word("marks-kept") : "";
    });
  }

  /* ---- where the picture lies ---- */

  /* [pixels of the canvas for one of the mask across, down, left, top]; `frame` is the part of the image that is shown. */
  function fit() {
    const board = canvas();
    const image = board && board.closest("figure").querySelector("img.picture");
    if (!board || !scene || !image || !image.naturalWidth) {
      return null;
    }
    const [width, height] = [board.clientWidth, board.clientHeight];
    const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
    const [seenWidth, seenHeight] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const mask = scene.own.should_look;
    const frame = [scene.frame[0] * mask.width, scene.frame[1] * mask.height, scene.frame[2] * mask.width, scene.frame[3] * mask.height];
    const [across, down] = [seenWidth / frame[2], seenHeight / frame[3]];
    return { across, down, left: (width - seenWidth) / 2 - frame[0] * across, top: (height - seenHeight) / 2 - frame[1] * down };
  }

  function pointOf(event) {
    const place = fit();
    const area = canvas().getBoundingClientRect();
    return place && { x: (event.clientX - area.left - place.left) / place.across, y: (event.clientY - area.top - place.top) / place.down };
  }

  const radius = () => Math.max((Math.max(scene.own[role].width, scene.own[role].height) * size) / 200, 0.5);

  /* ---- drawing ---- */

  function hatch(name, ratio) {
    const tile = document.createElement("canvas");
    const side = Math.round(8 * ratio);
    tile.width = tile.height = side;
    const brush = tile.getContext("2d");
    brush.fillStyle = `${COLOURS[name]}59`;
    brush.fillRect(0, 0, side, side);
    brush.strokeStyle = COLOURS[name];
    brush.lineWidth = 1.5 * ratio;
    const lines = name === "should_look" ? [[0, side, side, 0]] : [[0, side, side, 0], [0, 0, side, side]];
    lines.forEach(([x0, y0, x1, y1]) => {
      brush.beginPath();
      brush.moveTo(x0, y0);
      brush.lineTo(x1, y1);
      brush.stroke();
    });
    return tile;
  }

  function layer(mask, name, place, board, ratio) {
    const flat = document.createElement("canvas");
    [flat.width, flat.height] = [mask.width, mask.height];
    const picture = flat.getContext("2d").createImageData(mask.width, mask.height);
    mask.inside.forEach((inside, at) => (picture.data[at * 4 + 3] = inside ? 255 : 0));
    flat.getContext("2d").putImageData(picture, 0, 0);
    const drawn = document.createElement("canvas");
    [drawn.width, drawn.height] = [board.width, board.height];
    const brush = drawn.getContext("2d");
    brush.imageSmoothingEnabled = false;
    brush.drawImage(flat, place.left * ratio, place.top * ratio, mask.width * place.across * ratio, mask.height * place.down * ratio);
    brush.globalCompositeOperation = "source-in";
    brush.fillStyle = brush.createPattern(hatch(name, ratio), "repeat");
    brush.fillRect(0, 0, drawn.width, drawn.height);
    return drawn;
  }

  function show() {
    const board = canvas();
    if (!board) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    [board.width, board.height] = [Math.max(board.clientWidth * ratio, 1), Math.max(board.clientHeight * ratio, 1)];
    const place = fit();
    const brush = board.getContext("2d");
    if (!place) {
      return;
    }
    for (const [group, strength] of [["others", 0.6], ["own", 1]]) {
      for (const name of ROLES) {
        if (!masks.empty(scene[group][name])) {
          brush.globalAlpha = strength;
          brush.drawImage(layer(scene[group][name], name, place, board, ratio), 0, 0);
        }
      }
    }
    brush.globalAlpha = 1;
    if (drawing) {
      showHand(brush, place, ratio);
    }
  }

  /* The corners so far, and where the brush stands. */
  function showHand(brush, place, ratio) {
    const at = ({ x, y }) => [(place.left + x * place.across) * ratio, (place.top + y * place.down) * ratio];
    const line = () => {
      for (const [colour, width] of [["#0a0e18", 4], [tool === "eraser" ? "#fff" : COLOURS[role], 2]]) {
        [brush.strokeStyle, brush.lineWidth] = [colour, width * ratio];
        brush.stroke();
      }
    };
    if (corners.length) {
      brush.beginPath();
      corners.concat(point ? [point] : []).forEach((corner, number) => brush[number ? "lineTo" : "moveTo"](...at(corner)));
      line();
    }
    if (point) {
      brush.beginPath();
      const around = tool === "polygon" ? 4 * ratio : radius() * place.across * ratio;
      brush.arc(...at(point), Math.max(around, 3 * ratio), 0, 2 * Math.PI);
      line();
    }
  }

  /* ---- acts ---- */

  function draw(on) {
    drawing = Boolean(on && scene);
    every("canvas[data-marks]", (board) => {
      board.classList.toggle("is-drawing", drawing);
      board.tabIndex = drawing ? 0 : -1;
    });
    every("[data-mark-box]", (box) => (box.hidden = !drawing));
    every("[data-mark=draw]", (button) => button.setAttribute("aria-expanded", String(drawing)));
    [point, last, corners] = [null, null, []];
    if (drawing && canvas()) {
      canvas().focus({ preventScroll: true });
      canvas().scrollIntoView({ block: "nearest" });
    }
    resize(size);
    show();
  }

  function remember() {
    scene.steps = [...scene.steps, Object.fromEntries(ROLES.map((name) => [name, masks.copy(scene.own[name])]))].slice(-MOST_STEPS);
    scene.changed = true;
    tell();
  }

  function back() {
    const before = scene.steps.pop();
    scene.own = before || scene.own;
    show();
  }

  /* A pixel says one thing or the other, never both. */
  function paint(from, to) {
    if (tool === "eraser") {
      ROLES.forEach((name) => masks.stroke(scene.own[name], from, to, radius(), 0));
    } else {
      masks.stroke(scene.own[role], from, to, radius(), 1);
      ROLES.filter((name) => name !== role).forEach((name) => masks.stroke(scene.own[name], from, to, radius(), 0));
    }
    show();
  }

  function close() {
    if (corners.length > 2) {
      remember();
      ROLES.forEach((name) => masks.polygon(scene.own[name], corners, name === role ? 1 : 0));
    }
    corners = [];
    show();
  }

  function resize(value) {
    size = Math.min(Math.max(value, 1), 60);
    every("[data-mark-size]", (output) => (output.textContent = `${size} %`));
  }

  function choose(kind, value) {
    [role, tool] = kind === "role" ? [value, tool] : [role, value];
    corners = [];
    every(`[data-mark^="${kind}:"]`, (button) => button.setAttribute("aria-pressed", String(button.dataset.mark === `${kind}:${value}`)));
    canvas() && canvas().focus({ preventScroll: true });
    show();
  }

  const ACTS = {
    draw: () => draw(!drawing),
    undo: back,
    clear: () => {
      remember();
      scene.own = pair(scene.size);
      show();
    },
    keep: () => document.dispatchEvent(new CustomEvent("vitrine-keep-marks")),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-mark]");
    if (button && scene) {
      const [kind, value] = button.dataset.mark.split(":");
      value ? choose(kind, value) : ACTS[kind]();
    }
  });

  document.addEventListener("pointerdown", (event) => {
    if (!drawing || event.target !== canvas() || event.button !== 0) {
      return;
    }
    event.target.setPointerCapture(event.pointerId);
    point = pointOf(event);
    if (tool === "polygon") {
      corners.push(point);
      show();
    } else {
      remember();
      last = point;
      paint(point, point);
    }
  });
  document.addEventListener("pointermove", (event) => {
    if (drawing && event.target === canvas()) {
      point = pointOf(event);
      last ? paint(last, point) : show();
      last = last && point;
    }
  });
  ["pointerup", "pointercancel"].forEach((name) => document.addEventListener(name, () => (last = null)));
  document.addEventListener("dblclick", (event) => drawing && event.target === canvas() && close());

  /* Before the page's own keys: while one draws, the arrows move the brush and turn no page. */
  document.addEventListener(
    "keydown",
    (event) => {
      if (!drawing || !scene || (event.target.closest && event.target.closest("input, textarea, select"))) {
        return;
      }
      const act = meant(event);
      if (act) {
        event.preventDefault();
        event.stopPropagation();
        act();
      }
    },
    true,
  );

  function meant(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return event.key.toLowerCase() === "z" && !event.altKey ? back : null;
    }
    if (event.key === "Escape") {
      return () => draw(false);
    }
    if (event.key === "[" || event.key === "]") {
      return () => {
        resize(size + (event.key === "]" ? 2 : -2));
        show();
      };
    }
    if (event.target !== canvas()) {
      return null;
    }
    if (ARROWS[event.key]) {
      return () => move(ARROWS[event.key], event.shiftKey);
    }
    if (event.key === " ") {
      return dab;
    }
    return event.key === "Enter" ? close : null;
  }

  function move([right, down], fine) {
    const { width, height } = scene.own[role];
    const [x, y, across, down_] = scene.frame;
    const by = fine ? 1 : Math.max(Math.max(width, height) / 32, 1);
    const from = point || { x: (x + across / 2) * width, y: (y + down_ / 2) * height };
    point = { x: Math.min(Math.max(from.x + right * by, 0), width), y: Math.min(Math.max(from.y + down * by, 0), height) };
    show();
  }

  function dab() {
    if (!point) {
      move([0, 0], true);
    }
    if (tool === "polygon") {
      corners.push(point);
      show();
    } else {
      remember();
      paint(point, point);
    }
  }

  window.addEventListener("resize", show);
  document.addEventListener("load", (event) => event.target.matches && event.target.matches("figure img.picture") && show(), true);

  window.vitrine.marks = { load, regions, kept, changed: () => Boolean(scene && scene.changed) };
  window.dash_clientside.marks = {
    load: (data) => {
      load(data);
      return noUpdate();
    },
  };
})();
