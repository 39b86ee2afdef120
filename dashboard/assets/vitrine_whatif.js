/* The editor of the Try page: tools, history, and one edited image at a time on its way to the server. What hands do
   with it, by pointer and by keys, is in vitrine_whatif_use.js. */
(function () {
  "use strict";

  const { noUpdate, pictures } = window.vitrine;
  const PAUSE = 120; // milliseconds; strokes in quick succession are one
  const PATIENCE = 20000; // after which an answer is not waited for any more
  const HISTORY_BYTES = 96 * 2 ** 20;
  const TINY = 96;
  const BRUSHES = ["paint", "blur", "patch"];
  const LEVELS = { rotate: "try-edit-angle", light: "try-edit-light" };

  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const box = () => byId("try-edit");
  const part = (selector) => box().querySelector(selector);
  const visible = () => edit && box() && edit.canvas === byId("try-edit-canvas") && box().offsetParent !== null;
  const within = (value, low, high) => Math.min(Math.max(value, low), high);

  let edit = null; // the session: one image from its opening to its closing

  /* ---- what the server says ---- */

  function hear() {
    window.dash_clientside.callback_context.triggered.forEach(({ prop_id: cause, value }) => {
      const listener = { "try-edit-begun.data": begun, "try-edit-subject.data": follow, "try-edit-kept.data": kept, "try-edit-shown.data": shown }[cause];
      if (cause === "try-edit-source-file.contents") {
        value && takeSource(value);
      } else if (listener) {
        listener(value);
      }
    });
    return noUpdate();
  }

  const change = (address) => setProps("try-uploaded", { data: { edit: address, at: Date.now() } });
  const begun = (address) => address && change(address);
  const address = (digest) => `/media/upload/${digest}.png`;

  async function follow(subject) {
    if (!subject) {
      edit = null;
      return;
    }
    const canvas = byId("try-edit-canvas");
    if (!edit || edit.canvas !== canvas || edit.original !== subject.original) {
      const mine = { canvas, ...subject, steps: [], place: 0, point: null, frame: null, source: null, from: null, number: 0, level: 0 };
      edit = mine;
      const digests = subject.upload === subject.original ? [subject.original] : [subject.original, subject.upload];
      const loaded = await Promise.all(digests.map((digest) => pictures.load(address(digest))));
      if (edit === mine) {
        edit.steps = loaded.map((picture, at) => ({ picture, digest: digests[at] }));
        edit.colour = pictures.meanColour(loaded[0]);
        choose("paint");
        go(edit.steps.length - 1);
      }
    }
  }

  /* ---- one image on its way; the newest follows when its answer is there ---- */

  function send() {
    window.clearTimeout(edit.timer);
    edit.timer = window.setTimeout(pump, PAUSE);
  }

  function pump() {
    const step = edit && edit.steps[edit.place];
    if (!step || edit.busy || step.refused || step.digest === edit.upload) {
      return;
    }
    edit.busy = step;
    edit.watch = window.setTimeout(free, PATIENCE);
    box().classList.add("is-busy");
    if (step.digest) {
      change({ upload: step.digest, original: edit.original });
    } else {
      edit.number += 1;
      setProps("try-edit-file", { data: { contents: step.picture.toDataURL("image/png"), number: edit.number } });
    }
  }

  function free() {
    if (edit) {
      window.clearTimeout(edit.watch);
      edit.busy = null;
      box() && box().classList.remove("is-busy");
      pump();
    }
  }

  function kept(answer) {
    const step = edit && edit.busy;
    if (!step || !answer || answer.number !== edit.number) {
      return;
    }
    step.digest = answer.digest;
    step.refused = !answer.digest;
    if (answer.digest && step === edit.steps[edit.place]) {
      change({ upload: answer.digest, original: edit.original });
    } else {
      free(); // undone or painted over meanwhile: nobody needs to know what the network says of it
    }
  }

  function shown(answer) {
    if (edit && answer) {
      edit.upload = answer.upload;
      free();
    }
  }

  /* ---- history ---- */

  function remember(step) {
    edit.steps.length = edit.place + 1;
    edit.steps.push(step);
    const bytes = step.picture.width * step.picture.height * 4;
    while (edit.steps.length > Math.max(HISTORY_BYTES / bytes, 3)) {
      edit.steps.splice(1, 1); // the original stays
    }
    go(edit.steps.length - 1);
  }

  const commit = () => remember({ picture: edit.work, digest: null });

  function go(place) {
    edit.place = within(place, 0, edit.steps.length - 1);
    const step = edit.steps[edit.place];
    edit.work = pictures.copy(step.picture);
    level(0);
    show(edit.work);
    part("[data-edit=undo]").disabled = edit.place === 0;
    part("[data-edit=redo]").disabled = edit.place === edit.steps.length - 1;
    part("[data-edit=reset]").disabled = step.digest === edit.original;
    send();
  }

  /* ---- what is to be seen ---- */

  function show(picture) {
    edit.canvas.width = picture.width;
    edit.canvas.height = picture.height;
    edit.canvas.classList.toggle("pixels", Math.max(picture.width, picture.height) <= TINY);
    edit.canvas.getContext("2d").drawImage(picture, 0, 0);
    part(".edit-swatch").style.backgroundColor = edit.colour;
    marks();
  }

  /* How the picture lies in the stage: [pixels of the screen for one of the picture, left, top]. */
  function fit() {
    const [width, height] = [edit.canvas.clientWidth, edit.canvas.clientHeight];
    const scale = Math.min(width / edit.canvas.width, height / edit.canvas.height);
    return [scale, (width - edit.canvas.width * scale) / 2, (height - edit.canvas.height * scale) / 2];
  }

  function pointOf(event) {
    const [scale, left, top] = fit();
    const area = edit.canvas.getBoundingClientRect();
    return { x: (event.clientX - area.left - left) / scale, y: (event.clientY - area.top - top) / scale };
  }

  function lay(element, x, y, width, height) {
    const [scale, left, top] = fit();
    Object.assign(element.style, { left: `${left + x * scale}px`, top: `${top + y * scale}px`, width: `${width * scale}px`, height: `${height * scale}px` });
  }

  const tool = () => box().dataset.tool;
  const longer = () => Math.max(edit.canvas.width, edit.canvas.height);
  const radius = () => Math.max((longer() * Number(byId("try-edit-size").value)) / 200, 0.5);

  /* The brush under the pointer, and the frame of a cut. */
  function marks() {
    const cursor = part(".edit-cursor");
    cursor.hidden = !edit.point || edit.comparing || !(BRUSHES.includes(tool()) || edit.picking);
    if (!cursor.hidden) {
      const size = edit.picking ? 0.5 : radius();
      lay(cursor, edit.point.x - size, edit.point.y - size, 2 * size, 2 * size);
    }
    const frame = part(".edit-frame");
    frame.hidden = tool() !== "crop" || !edit.frame || edit.comparing;
    if (!frame.hidden) {
      lay(frame, edit.frame.x, edit.frame.y, edit.frame.width, edit.frame.height);
    }
    edit.canvas.classList.toggle("is-picking", Boolean(edit.picking));
  }

  function compare(held) {
    if (edit.comparing !== held && edit.work) {
      edit.comparing = held;
      part(".edit-original").hidden = !held;
      box().classList.toggle("is-comparing", held);
      show(held ? edit.steps[0].picture : edit.work);
    }
  }

  /* ---- tools ---- */

  function choose(name) {
    box().dataset.tool = name;
    box().querySelectorAll("[data-edit=tool]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.tool === name)));
    edit.picking = false;
    edit.frame = null;
    if (name === "crop") {
      const { width, height } = edit.canvas;
      edit.frame = { x: width * 0.1, y: height * 0.1, width: width * 0.8, height: height * 0.8 };
    }
    if (name === "patch" && !edit.source) {
      const first = part(".edit-source-pick");
      first && first.click();
    }
    if (edit.work) {
      level(0);
      show(edit.work);
    }
  }

  function layerOf(start) {
    const { width, height } = edit.work;
    const none = { x: 0, y: 0 };
    if (tool() === "paint") {
      return [pictures.filled(width, height, edit.colour), none];
    }
    if (tool() === "blur") {
      return [pictures.blurred(edit.work, Math.max(radius(), longer() / 30)), none];
    }
    const from = edit.from && { x: edit.from.x * width, y: edit.from.y * height };
    return [pictures.fitted(edit.source, width, height), from ? { x: start.x - from.x, y: start.y - from.y } : none];
  }

  function begin(point) {
    if (tool() === "patch" && !edit.source) {
      return;
    }
    const [layer, shift] = layerOf(point);
    edit.stroke = { layer, shift, last: point };
    brushTo(point);
  }

  function brushTo(point) {
    const { layer, shift, last } = edit.stroke;
    pictures.stroke(edit.work, layer, last, point, radius(), shift);
    edit.stroke.last = point;
    show(edit.work);
  }

  function end() {
    edit.stroke = null;
    commit();
  }

  function pick(point) {
    edit.colour = pictures.colourAt(edit.work, point);
    edit.picking = false;
    show(edit.work);
  }

  function cut() {
    const { width, height } = edit.work;
    const left = Math.round(within(edit.frame.x, 0, width - 1));
    const top = Math.round(within(edit.frame.y, 0, height - 1));
    const right = Math.round(within(edit.frame.x + edit.frame.width, left + 1, width));
    const bottom = Math.round(within(edit.frame.y + edit.frame.height, top + 1, height));
    edit.work = pictures.cropped(edit.work, { x: left, y: top, width: right - left, height: bottom - top });
    commit();
    choose("crop");
  }

  /* Angle or brightness: seen while it changes, taken when it is let go. */
  function level(value) {
    edit.level = value;
    Object.values(LEVELS).forEach((id) => {
      const mine = id === LEVELS[tool()];
      setProps(id, { value: mine ? value : 0 });
      const said = byId(id).parentElement.querySelector("output");
      said.textContent = `${mine ? value : 0} ${said.dataset.unit}`;
    });
  }

  function preview(value) {
    level(value);
    const { picture } = edit.steps[edit.place];
    edit.work = tool() === "rotate" ? pictures.rotated(picture, value) : pictures.lightened(picture, value / 100);
    show(edit.work);
  }

  const settle = () => edit.level && commit();

  /* The panel comes back with what is edited now; what it said before the editor was opened is of another image. */
  function close() {
    ["try-head", "try-bars", "try-evidence"].forEach((id) => setProps(id, { children: null }));
    setProps("try-map", { hidden: true });
    setProps("try-image", { src: address(edit.upload) });
    change({ original: "" });
  }

  /* A picture that the server made and keeps. */
  async function takeKept(digest) {
    const mine = edit;
    const picture = await pictures.load(address(digest));
    if (edit === mine) {
      remember({ picture, digest });
    }
  }

  async function takeSource(image, button) {
    const mine = edit;
    const picture = await pictures.load(image);
    if (!mine || edit !== mine) {
      return;
    }
    edit.source = picture;
    edit.from = null;
    box().querySelectorAll(".edit-source-pick").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    showSource();
  }

  function showSource() {
    const canvas = byId("try-edit-source");
    const seen = pictures.fitted(edit.source, edit.work.width, edit.work.height);
    part(".edit-from").hidden = false;
    canvas.width = 144;
    canvas.height = Math.max(Math.round((144 * seen.height) / seen.width), 1);
    const brush = canvas.getContext("2d");
    brush.imageSmoothingEnabled = longer() > TINY;
    brush.drawImage(seen, 0, 0, canvas.width, canvas.height);
    if (edit.from) {
      const [x, y] = [edit.from.x * canvas.width, edit.from.y * canvas.height];
      const size = Math.max((radius() / seen.width) * canvas.width, 2);
      [["#0a0e18", 4], ["#ffd166", 2]].forEach(([colour, width]) => {
        brush.strokeStyle = colour;
        brush.lineWidth = width;
        brush.beginPath();
        brush.arc(x, y, size, 0, 2 * Math.PI);
        brush.stroke();
      });
    }
  }

  const ACTIONS = {
    tool: (button) => choose(button.dataset.tool),
    undo: () => go(edit.place - 1),
    redo: () => go(edit.place + 1),
    reset: () => remember({ picture: edit.steps[0].picture, digest: edit.original }),
    pick: () => {
      const ready = document.activeElement === edit.canvas && edit.point;
      edit.picking = true;
      ready ? pick(edit.point) : marks();
    },
    mean: () => {
      edit.colour = pictures.meanColour(edit.work);
      show(edit.work);
    },
    cut,
    quarter: () => {
      edit.work = pictures.rotated(edit.steps[edit.place].picture, 90);
      commit();
    },
    source: (button) => takeSource(button.querySelector("img").src, button),
    keep: (button) => takeKept(button.dataset.digest),
    close,
  };

  window.vitrine.editor = {
    session: () => edit,
    BRUSHES,
    LEVELS,
    ACTIONS,
    visible,
    tool,
    within,
    longer,
    pointOf,
    marks,
    pick,
    begin,
    brushTo,
    end,
    cut,
    compare,
    preview,
    settle,
    showSource,
  };
  window.dash_clientside.whatif = { hear };
})();
