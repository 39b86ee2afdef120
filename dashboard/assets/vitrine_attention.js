/* Sequence attention in the browser: two sentences whose words light each other up, and what a person chooses among them.
   Pictures are in vitrine_attention_pictures.js. */
(function () {
  "use strict";

  const { changed, noUpdate, same } = window.vitrine;
  const attention = (window.dash_clientside.attention = window.dash_clientside.attention || {});
  const pictures = () => window.vitrine.attention;
  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const STRONGEST = 5;
  const PACE = 650; // milliseconds a word, when the sentence is walked through

  let shown = null; // what is drawn, see `decoded`
  let pinned = {}; // { target, source }: words that the address names
  let over = null; // [role, place] under the pointer or the focus
  let walking = null;
  let drawnWidth = 0;
  let frame = null; // where the cells of the heat map lie
  const texts = {}; // the pictures as they are, for files

  const visible = () => document.querySelector(".page-attention");

  /* ---- the numbers ---- */

  function bytes(text) {
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  }

  /* The payload of callbacks/attention_parts.py, with its weights as numbers. */
  function decoded(payload) {
    const [rows, columns] = payload.shape;
    const weights = new Float32Array(bytes(payload.weights).buffer);
    const labels = (side) => payload[side].tokens.map(pictures().label);
    const first = payload.shift ? [payload.words.start] : [];
    return {
      ...payload,
      rowLabels: labels(payload.rows).slice(0, rows),
      columnLabels: first.concat(labels(payload.columns)).slice(0, columns),
      rowsSide: payload.rows,
      columnsSide: payload.columns,
      mirrored: payload[payload.columns].dir === "rtl",
      peak: weights.reduce((most, value) => Math.max(most, value), 0),
      at: (row, column) => weights[row * columns + column],
      row: (row) => weights.subarray(row * columns, (row + 1) * columns),
      place: (column) => column - payload.shift, // of a read word in its sentence; -1 before the first
    };
  }

  /* What a word has to do with the words of the other role: [place, weight] each. */
  function partners([role, place]) {
    const [rows, columns] = shown.shape;
    return role === "row"
      ? Array.from(shown.row(place), (weight, column) => [column, weight])
      : Array.from({ length: rows }, (_unused, row) => [row, shown.at(row, place)]).slice(0, columns ? rows : 0);
  }

  /* The role that a word of a sentence has in this map; null if it has none. */
  function roleOf(side, at) {
    if (side === shown.rowsSide && at < shown.shape[0]) {
      return ["row", at];
    }
    const column = at + shown.shift;
    return side === shown.columnsSide && column < shown.shape[1] ? ["column", column] : null;
  }

  /* ---- drawing ---- */

  function line(side) {
    const { tokens, dir } = shown[side];
    const box = byId(`attention-line-${side}`);
    box.replaceChildren();
    box.dir = dir;
    tokens.forEach((token, at) => {
      if (token.b) {
        box.append(token.b);
      }
      const word = document.createElement("span");
      word.className = "att-token";
      word.classList.toggle("att-special", Boolean(token.s));
      word.classList.toggle("att-forced", Boolean(token.f));
      word.classList.toggle("att-hidden", Boolean(token.h));
      word.setAttribute("role", "option");
      word.setAttribute("aria-selected", "false");
      word.tabIndex = -1;
      word.dataset.side = side;
      word.dataset.at = at;
      word.textContent = token.t.trim() ? token.t : "\u00a0";
      if (token.p !== undefined) {
        word.title = `${token.t} · ${pictures().percent(token.p)}`;
        word.classList.toggle("att-unsure", token.p < 0.5 && !token.f);
      }
      box.append(word);
    });
  }

  const wordsOf = (side) => Array.from(byId(`attention-line-${side}`).querySelectorAll(".att-token"));

  /* Below each read word a bar as long as all that was taken from it, in the colours of the words that took it. */
  function stacks() {
    const [rows, columns] = shown.shape;
    const masses = Array.from({ length: columns }, (_unused, column) => partners(["column", column]).reduce((sum, [, weight]) => sum + weight, 0));
    const most = Math.max(...masses, 1e-9);
    const paint = (word, gradient, mass) => {
      word.style.setProperty("--stack", gradient);
      word.style.setProperty("--mass", mass);
    };
    const own = (place) => `linear-gradient(${pictures().colour(place, rows)} 0 0)`;
    wordsOf(shown.columnsSide).forEach((word, at) => {
      const column = at + shown.shift;
      if (column >= columns) {
        return;
      }
      const kept = partners(["column", column]).filter(([, weight]) => weight > 0.01 * masses[column]);
      const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
      let from = 0;
      const parts = kept.map(([row, weight]) => {
        const to = from + (100 * weight) / total;
        const part = `${pictures().colour(row, rows)} ${from.toFixed(2)}% ${to.toFixed(2)}%`;
        from = to;
        return part;
      });
      paint(word, parts.length ? `linear-gradient(to ${shown.mirrored ? "left" : "right"}, ${parts.join(", ")})` : "none", masses[column] / most);
    });
    if (shown.rowsSide !== shown.columnsSide) {
      wordsOf(shown.rowsSide).forEach((word, row) => row < rows && paint(word, own(row), 1));
    }
  }

  function draw() {
    if (!shown || !visible()) {
      return;
    }
    line("source");
    line("target");
    stacks();
    pictured();
    wall();
    byId("attention-table").innerHTML = pictures().table(shown);
    pin(pinned);
    watched.disconnect();
    watched.observe(byId("attention-bands"));
  }

  function pictured() {
    drawnWidth = byId("attention-bands").clientWidth;
    const bands = pictures().bands(shown, Math.max(Math.min(drawnWidth, 760), 280));
    const heat = pictures().heat(shown);
    frame = heat.frame;
    [texts.bands, texts.heat] = [bands.text, heat.text];
    byId("attention-bands").innerHTML = bands.text;
    byId("attention-heat").innerHTML = heat.text + '<div class="att-tip" hidden></div>';
    byId("attention-left").textContent = bands.left ? shown.words.left.replace("{n}", bands.left) : "";
  }

  function wall() {
    const box = byId("attention-wall");
    const { layers, heads, height, width, data } = shown.wall;
    const values = bytes(data);
    const { accent } = pictures().palette();
    box.style.setProperty("--heads", heads);
    box.replaceChildren();
    for (let place = 0; place < layers * heads; place += 1) {
      const [layer, head] = [Math.floor(place / heads) + 1, (place % heads) + 1];
      const button = document.createElement("button");
      button.type = "button";
      button.className = "att-head";
      button.title = shown.words.head.replace("{layer}", layer).replace("{head}", head);
      button.setAttribute("aria-label", button.title);
      button.setAttribute("aria-pressed", String(String(shown.layer) === String(layer) && String(shown.head) === String(head)));
      button.dataset.turn = JSON.stringify({ layer: String(layer), head: String(head) });
      button.append(pictures().tile(values.subarray(place * height * width, (place + 1) * height * width), height, width, accent));
      box.append(button);
    }
  }

  /* ---- light ---- */

  function light(at) {
    over = at;
    const bright = at || pinnedRole();
    const weights = bright ? new Map(partners(bright)) : null;
    const most = weights ? Math.max(...weights.values(), 1e-9) : 1;
    const alike = (role, place) => bright && bright[0] === role && bright[1] === place;
    for (const side of ["source", "target"]) {
      wordsOf(side).forEach((word, place) => {
        const role = roleOf(side, place);
        const other = bright && bright[0] === "row" ? shown.columnsSide : shown.rowsSide;
        const partner = bright && bright[0] === "row" ? place + shown.shift : place;
        const weight = bright && side === other ? weights.get(partner) || 0 : 0;
        word.style.setProperty("--light", (weight / most).toFixed(3));
        word.classList.toggle("att-chosen", Boolean(bright && role && side === (bright[0] === "row" ? shown.rowsSide : shown.columnsSide) && (bright[0] === "row" ? place : place + shown.shift) === bright[1]));
        word.classList.toggle("att-later", Boolean(walking && bright && side === "target" && place > bright[1]));
      });
    }
    document.querySelectorAll("#attention-bands [data-row], #attention-bands [data-column]").forEach((part) => {
      const { row, column } = part.dataset;
      const lit = !bright || alike("row", Number(row)) || alike("column", column === undefined ? NaN : Number(column)) || (part.tagName === "text" && isPartner(part, bright, weights, most));
      part.classList.toggle("att-dim", !lit || (row === undefined && alike("row", NaN)));
    });
    document.querySelectorAll("#attention-heat .att-word").forEach((word) => {
      const place = word.dataset.row === undefined ? ["column", Number(word.dataset.column)] : ["row", Number(word.dataset.row)];
      word.classList.toggle("att-chosen", Boolean(alike(...place)));
    });
    read(bright);
  }

  function isPartner(part, bright, weights, most) {
    const place = bright[0] === "row" ? part.dataset.column : part.dataset.row;
    return place !== undefined && (weights.get(Number(place)) || 0) > 0.1 * most;
  }

  const nameOf = ([role, place]) => (role === "row" ? shown.rowLabels[place] : shown.columnLabels[place]);

  /* Says in words what is lit: the strongest partners with their weights. */
  function read(bright) {
    const box = byId("attention-read");
    if (!bright) {
      box.textContent = shown.words.hint;
      return;
    }
    const other = bright[0] === "row" ? "column" : "row";
    const strongest = partners(bright).sort((one, two) => two[1] - one[1]).slice(0, STRONGEST);
    const told = strongest.map(([place, weight]) => `\u2068${nameOf([other, place])}\u2069 ${pictures().percent(weight)}`).join(" · ");
    box.textContent = `\u2068${nameOf(bright)}\u2069 ${bright[0] === "row" ? "←" : "→"} ${told}`;
  }

  function pinnedRole() {
    const chosen = shown.rowsSide === "source" ? [["source", pinned.source]] : [["target", pinned.target], ["source", pinned.source]];
    const found = chosen.find(([side, at]) => at !== undefined && at < shown[side].tokens.length);
    return found ? roleOf(...found) : null;
  }

  function pin(next) {
    pinned = next;
    for (const side of ["source", "target"]) {
      wordsOf(side).forEach((word, at) => {
        const selected = pinned[side] === at;
        word.setAttribute("aria-selected", String(selected));
        word.tabIndex = selected || (pinned[side] === undefined && at === 0) ? 0 : -1;
      });
    }
    light(over);
  }

  function placeOf(element) {
    const word = element.closest && element.closest(".page-attention [data-side][data-at]");
    if (word) {
      return roleOf(word.dataset.side, Number(word.dataset.at));
    }
    const part = element.closest && element.closest("#attention-bands [data-row], #attention-bands [data-column], #attention-heat .att-word");
    if (!part) {
      return null;
    }
    return part.dataset.row === undefined ? ["column", Number(part.dataset.column)] : ["row", Number(part.dataset.row)];
  }

  /* The cell of the heat map under the pointer. */
  function cellOf(event) {
    const box = event.target.closest && event.target.closest("#attention-heat svg");
    if (!box || !frame) {
      return null;
    }
    const area = box.getBoundingClientRect();
    const scale = box.viewBox.baseVal.width / area.width;
    const row = Math.floor(((event.clientY - area.top) * scale - frame.top) / frame.cell);
    const step = Math.floor(((event.clientX - area.left) * scale - frame.left) / frame.cell);
    const column = frame.mirrored ? frame.columns - 1 - step : step;
    return row >= 0 && row < frame.rows && column >= 0 && column < frame.columns ? [row, column] : null;
  }

  function tell(event, cell) {
    const tip = document.querySelector("#attention-heat .att-tip");
    if (!tip) {
      return;
    }
    tip.hidden = !cell;
    if (cell) {
      tip.textContent = `\u2068${shown.rowLabels[cell[0]]}\u2069 ← \u2068${shown.columnLabels[cell[1]]}\u2069  ${shown.at(...cell).toFixed(4)}`;
      tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 16}px`;
    }
  }

  /* ---- what a person does ---- */

  const choose = (changes) => setProps("attention-turn", { data: { changes, at: Date.now() } });

  function stop() {
    window.clearInterval(walking);
    walking = null;
    const button = byId("attention-play");
    button && button.setAttribute("aria-pressed", "false");
  }

  function walk() {
    if (walking) {
      stop();
      light(null);
      return;
    }
    let at = 0;
    byId("attention-play").setAttribute("aria-pressed", "true");
    const step = () => {
      if (!visible() || !shown || at >= shown.target.tokens.length || !roleOf("target", at)) {
        stop();
        shown && visible() && light(null);
        return;
      }
      light(roleOf("target", at));
      at += 1;
    };
    walking = window.setInterval(step, PACE);
    step();
  }

  document.addEventListener("pointerover", (event) => {
    if (!visible() || !shown || walking) {
      return;
    }
    const at = placeOf(event.target);
    if (JSON.stringify(at) !== JSON.stringify(over) && !cellOf(event)) {
      light(at);
    }
  });

  document.addEventListener("pointermove", (event) => {
    if (!visible() || !shown || walking || !frame) {
      return;
    }
    const cell = cellOf(event);
    tell(event, cell);
    if (cell && (!over || over[0] !== "row" || over[1] !== cell[0])) {
      light(["row", cell[0]]);
    }
  });

  document.addEventListener("focusin", (event) => {
    if (visible() && shown && event.target.matches(".att-token")) {
      light(placeOf(event.target));
    }
  });
  document.addEventListener("focusout", (event) => visible() && shown && event.target.matches(".att-token") && light(null));

  /* A word that is chosen already is let go. */
  function pick(role) {
    if (!role) {
      return;
    }
    const side = role[0] === "row" ? shown.rowsSide : shown.columnsSide;
    const at = role[0] === "row" ? role[1] : shown.place(role[1]);
    if (at >= 0) {
      choose({ [side]: pinned[side] === at ? "" : String(at) });
    }
  }

  document.addEventListener("click", (event) => {
    if (!visible() || !event.target.closest) {
      return;
    }
    const turn = event.target.closest(".page-attention [data-turn]");
    const file = event.target.closest(".page-attention [data-file]");
    if (turn) {
      choose(JSON.parse(turn.dataset.turn));
    } else if (event.target.closest(".page-attention [data-example]")) {
      setProps("attention-text", { value: event.target.closest("[data-example]").dataset.example });
    } else if (event.target.closest("#attention-play")) {
      walk();
    } else if (event.target.closest("#attention-replace")) {
      replace();
    } else if (file && shown) {
      const [of, kind] = file.dataset.file.split(".");
      pictures().files[kind](kind === "csv" ? shown : texts[of], `attention-${shown.kind}-${of}`);
    } else if (shown) {
      const cell = cellOf(event);
      pick(cell ? ["row", cell[0]] : placeOf(event.target));
    }
  });

  /* The chosen source word is written anew; what was there before stays known, to be compared with. */
  function replace() {
    const box = byId("attention-instead");
    const { start, end } = box.closest(".att-instead").dataset;
    const before = (window.vitrine.states["attention-state"] || {}).text || shown.text;
    const signs = Array.from(before);
    const text = signs.slice(0, Number(start)).concat(Array.from(box.value), signs.slice(Number(end))).join("");
    setProps("attention-text", { value: text });
    choose({ text, was: (window.vitrine.states["attention-state"] || {}).was || before, forced: "", hidden: "", target: "", source: "" });
  }

  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

  document.addEventListener("keydown", (event) => {
    if (!visible() || !shown || event.ctrlKey || event.metaKey || event.altKey || !event.target.closest) {
      return;
    }
    if (event.target.id === "attention-instead" && event.key === "Enter") {
      event.preventDefault();
      replace();
      return;
    }
    if (event.target.closest("input, textarea, select, [role=combobox]")) {
      return;
    }
    const token = event.target.closest(".att-token");
    const side = token ? token.dataset.side : "target";
    const words = wordsOf(side);
    const from = token ? Number(token.dataset.at) : pinned.target === undefined ? -1 : pinned.target;
    const turned = shown[side].dir === "rtl" ? -1 : 1;
    const to = event.key === "Home" ? 0 : event.key === "End" ? words.length - 1 : STEPS[event.key] ? from + STEPS[event.key] * turned : null;
    if (token && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      pick(placeOf(token));
    } else if (token && to !== null && words[to]) {
      event.preventDefault();
      words[to].focus();
    } else if (!token && STEPS[event.key] && words[to] && !event.target.closest("button, a, summary, [tabindex='0']:not(main)")) {
      event.preventDefault();
      choose({ target: String(to) });
    }
  });

  /* The bands are as wide as their box, which is hidden until there is something to draw. */
  const watched = new ResizeObserver((entries) => {
    const width = Math.round(entries[entries.length - 1].contentRect.width);
    if (width && width !== drawnWidth && shown && visible()) {
      pictured();
      light(over);
    }
  });

  /* ---- what Dash asks ---- */

  attention.draw = (payload) => {
    stop();
    shown = payload ? decoded(payload) : null;
    over = null;
    // The boxes are shown by another answer of the same callback, which is drawn after this one.
    window.requestAnimationFrame(() => window.requestAnimationFrame(draw));
    return payload ? payload.key : "";
  };

  attention.pin = (state) => {
    const place = (name) => (/^\d{1,4}$/.test((state || {})[name] || "") ? Number(state[name]) : undefined);
    const next = { target: place("target"), source: place("source") };
    if (shown && visible() && byId("attention-line-source").childElementCount) {
      pin(next);
    } else {
      pinned = next;
    }
    return noUpdate();
  };

  attention.state = (turn, text, kind, layer, head, other, state) => {
    const by = (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
    const before = state || {};
    if (by === "attention-turn.data") {
      return turn ? changed(before, turn.changes) : noUpdate();
    }
    const changes = {
      kind: kind === "cross" ? "" : kind,
      layer: layer === "all" ? "" : layer,
      head: head === "mean" ? "" : head,
      other: other === "(none)" ? "" : other,
    };
    if (by === "attention-text.value" && (text || "") !== (before.text || "")) {
      Object.assign(changes, { text: text || "", forced: "", hidden: "", was: "", target: "", source: "" });
    }
    if (by === "attention-kind.value") {
      Object.assign(changes, { layer: "", head: head === "rollout" || head === "max" ? head : "" });
    }
    const next = changed(before, changes);
    return same(next, changed(before, {})) ? noUpdate() : next;
  };
})();
