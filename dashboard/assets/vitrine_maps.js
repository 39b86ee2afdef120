/* Attribution maps in the browser: fetched once by content key, then drawn as the controls say without asking again. */
(function () {
  "use strict";

  const { contours, display, noUpdate } = window.vitrine;
  const maps = (window.dash_clientside.maps = window.dash_clientside.maps || {});
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  const KEPT = "vitrine-maps";
  const FULL = 0.995; // as in dashboard/colour_maps.py
  const MOST_LOADED = 120;
  const LEVELS = [0.2, 0.4, 0.6, 0.8];
  const TINY = 96;
  const PICTURE_SIDE = 896;

  let settings = { look: "overlay", opacity: 65, above: 0, colours: "inferno", shared: false };
  let tables = null; // name of a colour scale -> 256 colours as 768 bytes
  const loaded = new Map(); // key -> map, {trouble}, or {} while it comes
  const drawn = new WeakMap(); // canvas -> {map, full, signature}

  /* ---- settings: each person's own, and in the address what a colleague should see too ---- */

  function remembered() {
    try {
      return JSON.parse(window.localStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  }

  function remember() {
    try {
      window.localStorage.setItem(KEPT, JSON.stringify(settings));
    } catch {
      // Storage may be off; the settings then last as long as the page.
    }
  }

  const NAMES = ["look", "opacity", "above", "colours", "shared"];
  const bounded = (value, most) => Math.min(Math.max(Number(value) || 0, 0), most);

  maps.draw = (look, opacity, above, colours, shared) => {
    const controls = window.dash_clientside.callback_context.inputs_list.map((input) => input.id);
    const box = document.getElementById(controls[0]).closest("[data-map-controls]");
    let chosen = { look, opacity: bounded(opacity, 100), above: bounded(above, 99), colours, shared: Boolean(shared) };
    if (!box.dataset.ready) {
      box.dataset.ready = "true";
      const given = box.dataset.mapControls.split(" ");
      const own = remembered();
      NAMES.forEach((name, place) => {
        if (name in own && own[name] !== chosen[name] && !given.includes(name)) {
          chosen = { ...chosen, [name]: own[name] };
          setProps(controls[place], { value: own[name] });
        }
      });
    }
    settings = chosen;
    remember();
    document.documentElement.dataset.mapLook = settings.look;
    document.documentElement.style.setProperty("--map-opacity", String(settings.opacity / 100));
    const store = controls[0].replace(/-look$/, "-state");
    display(store, { look: settings.look === "overlay" ? "" : settings.look, above: settings.above || "" });
    refresh();
    return [`${settings.opacity} %`, `${settings.above} %`];
  };

  maps.passTick = (tick, waiting) => {
    const drawing = document.getElementById(waiting);
    return drawing && !drawing.hasAttribute("data-dash-is-loading") ? tick : noUpdate();
  };

  /* ---- values ---- */

  function load(key) {
    const known = loaded.get(key);
    if (known) {
      return known.values || known.trouble ? known : null;
    }
    loaded.set(key, {});
    fetchMap(key)
      .catch((error) => ({ trouble: error.message }))
      .then((map) => {
        loaded.set(key, map);
        forget();
        refresh();
      });
    return null;
  }

  async function fetchMap(key) {
    const response = await fetch(`/media/map/${encodeURIComponent(key)}.f32`);
    if (!response.ok) {
      throw new Error((await response.text()).trim());
    }
    const [height, width] = response.headers.get("X-Map-Shape").split(",").map(Number);
    const values = new Float32Array(await response.arrayBuffer()).map((value) => (Number.isFinite(value) ? value : 0));
    return measured({ width, height, values, signed: response.headers.get("X-Map-Signed") === "1" });
  }

  function measured(map) {
    const sorted = map.values.map(Math.abs).sort();
    const largest = sorted[sorted.length - 1] || 0;
    // What all pixels have in common tells none from another: RISE gives each its share of the mean prediction.
    const low = map.signed ? 0 : sorted[0] || 0;
    const full = sorted[Math.ceil(FULL * (sorted.length - 1))];
    return { ...map, sorted, largest, low, full: full > low ? full : largest };
  }

  function forget() {
    const shown = new Set(Array.from(document.querySelectorAll("canvas[data-map]"), (canvas) => canvas.dataset.map));
    for (const key of Array.from(loaded.keys())) {
      if (loaded.size > MOST_LOADED && !shown.has(key) && loaded.get(key).values) {
        loaded.delete(key);
      }
    }
  }

  /* The first minus the second, each over its full scale or both over the larger one; sizes may differ. */
  function subtract(first, second, together) {
    const larger = Math.max(first.full, second.full);
    const [a, b] = together ? [larger, larger] : [first.full, second.full];
    const values = new Float32Array(first.values.length);
    for (let y = 0; y < first.height; y += 1) {
      const row = Math.floor((y * second.height) / first.height) * second.width;
      for (let x = 0; x < first.width; x += 1) {
        const other = second.values[row + Math.floor((x * second.width) / first.width)];
        values[y * first.width + x] = (a && first.values[y * first.width + x] / a) - (b && other / b);
      }
    }
    return measured({ width: first.width, height: first.height, values, signed: true });
  }

  function mapOf(canvas) {
    const from = canvas.dataset.mapFrom;
    if (!from) {
      return canvas.dataset.map ? load(canvas.dataset.map) : null;
    }
    const [first, second] = from.split(" ").map((id) => {
      const other = document.getElementById(id);
      return other && !other.hidden && other.dataset.map ? load(other.dataset.map) : null;
    });
    if (!first || !second || !first.values || !second.values) {
      return null;
    }
    const before = drawn.get(canvas);
    const same = before && before.first === first && before.second === second && before.together === settings.shared;
    return same ? before.map : Object.assign(subtract(first, second, settings.shared), { first, second, together: settings.shared });
  }

  /* ---- drawing ---- */

  let waiting = false;

  function refresh() {
    if (!waiting) {
      waiting = true;
      window.requestAnimationFrame(() => {
        waiting = false;
        drawAll();
      });
    }
  }

  function drawAll() {
    document.querySelectorAll("img[data-copies]").forEach(copyImage);
    const canvases = Array.from(document.querySelectorAll("canvas[data-map]"));
    if (!canvases.length || !ready()) {
      return;
    }
    const found = canvases.map((canvas) => [canvas, mapOf(canvas)]);
    const common = {};
    found.forEach(([canvas, map]) => {
      const group = canvas.dataset.mapGroup;
      if (settings.shared && group && map && map.values) {
        const { low, full } = common[group] || map;
        common[group] = { low: Math.min(low, map.low), full: Math.max(full, map.full) };
      }
    });
    found.forEach(([canvas, map]) => show(canvas, map, common[canvas.dataset.mapGroup]));
    const controls = document.querySelector("[data-map-drawn]:not([data-told])");
    if (controls && found.some(([, map]) => map && map.values)) {
      controls.dataset.told = "true";
      setProps(controls.dataset.mapDrawn, { data: true });
    }
  }

  function ready() {
    if (tables === null) {
      tables = {};
      fetch("/media/colours.json")
        .then((response) => response.json())
        .then((scales) => {
          Object.keys(scales).forEach((name) => {
            tables[name] = Uint8Array.from(scales[name].match(/../g), (byte) => parseInt(byte, 16));
          });
          refresh();
        })
        .catch(() => {
          tables = null; // asked again at the next drawing
        });
    }
    return Boolean(tables && tables.diverging);
  }

  function copyImage(image) {
    const source = document.getElementById(image.dataset.copies);
    if (source && source.src && image.src !== source.src) {
      image.src = source.src;
      image.className = source.className;
    }
  }

  function show(canvas, map, common) {
    const whole = Boolean(map && map.values);
    const box = canvas.closest("[data-shown-with-map]");
    if (box && box.hidden === whole) {
      box.hidden = !whole;
    }
    const { low, full } = common || (whole ? map : { low: 0, full: 0 });
    const zoom = whole && settings.look === "contour" ? zoomOf(canvas, map) : 1;
    const signature = [settings.look, settings.colours, settings.above, low, full, zoom].join();
    const before = drawn.get(canvas);
    if (before && before.map === map && before.signature === signature) {
      return;
    }
    drawn.set(canvas, { map, low, full, signature, first: map && map.first, second: map && map.second, together: map && map.together });
    canvas.dataset.drawn = whole ? "true" : "false";
    tell(canvas, map, low, full);
    if (!whole) {
      canvas.width = canvas.height = 1;
    } else if (settings.look === "contour") {
      drawLines(canvas, map, low, full, zoom);
    } else {
      drawColours(canvas, map, low, full, settings.look === "beside");
    }
    canvas.style.imageRendering = whole && settings.look !== "contour" && Math.max(map.width, map.height) <= TINY ? "pixelated" : "";
  }

  const table = (map) => tables[map.signed ? "diverging" : settings.colours] || tables.inferno;
  const place = (map, level) => Math.round((map.signed ? (level + 1) / 2 : Math.abs(level)) * 255) * 3;
  const cut = (map) => (settings.above ? map.sorted[Math.floor((settings.above / 100) * (map.sorted.length - 1))] : 0);

  function drawColours(canvas, map, low, full, solid) {
    canvas.width = map.width;
    canvas.height = map.height;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(map.width, map.height);
    const colours = table(map);
    const lowest = cut(map);
    map.values.forEach((value, at) => {
      const hidden = Math.abs(value) < lowest;
      const level = full > low ? Math.min(Math.max((value - low) / (full - low), -1), 1) : 0;
      const from = place(map, level);
      picture.data.set(colours.subarray(from, from + 3), at * 4);
      picture.data[at * 4 + 3] = hidden ? 0 : solid ? 255 : Math.round(Math.sqrt(Math.abs(level)) * 255);
    });
    context.putImageData(picture, 0, 0);
  }

  /* Lines are drawn in the screen's own pixels. */
  const zoomOf = (canvas, map) => Math.min(Math.max(frame(canvas, map).zoom * window.devicePixelRatio, 0.25), 2048 / map.width);

  /* Lines of equal value, a little smoothed so that they can be read where every pixel differs from the next. */
  function drawLines(canvas, map, low, full, zoom) {
    canvas.width = Math.round(map.width * zoom);
    canvas.height = Math.round(map.height * zoom);
    const context = canvas.getContext("2d");
    context.scale(zoom, zoom);
    context.lineCap = "round";
    const values = contours.smooth(map);
    const colours = table(map);
    const lowest = cut(map);
    const width = 1.1 / frame(canvas, map).zoom; // in pixels of the map
    for (const sign of map.signed ? [1, -1] : [1]) {
      for (const level of LEVELS) {
        const value = low + level * (full - low);
        if (full <= low || value < lowest) {
          continue;
        }
        const path = contours.lines(values, map.width, map.height, value, sign, map.signed);
        const from = place(map, sign * (0.3 + 0.7 * level));
        context.lineWidth = width * 3;
        context.strokeStyle = "rgb(0 0 0 / 60%)";
        context.stroke(path);
        context.lineWidth = width * 1.6;
        context.strokeStyle = `rgb(${colours.subarray(from, from + 3).join(" ")})`;
        context.stroke(path);
      }
    }
  }

  /* ---- the scale below a map ---- */

  const spoken = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

  function put(element, text) {
    if (element && element.textContent !== text) {
      element.textContent = text;
    }
  }

  function tell(canvas, map, low, full) {
    const figure = canvas.closest("figure.map");
    if (!figure) {
      return;
    }
    figure.querySelector(".map-foot").hidden = !(map && map.values);
    leavePixel(figure);
    if (!map || !map.values) {
      put(figure.querySelector(".map-reading"), (map && map.trouble) || "");
      return;
    }
    const beyond = map.largest > full ? "≥ " : "";
    put(figure.querySelector(".map-low"), map.signed ? (beyond && "≤ ") + spoken(-full) : spoken(low));
    put(figure.querySelector(".map-high"), beyond + spoken(full));
    const colours = table(map);
    const stops = Array.from({ length: 17 }, (_none, step) => {
      const from = Math.round((step / 16) * 255) * 3;
      return `rgb(${colours.subarray(from, from + 3).join(" ")})`;
    });
    figure.querySelector(".map-ramp").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  }

  /* Where the map lies within the canvas's box, which it fills in one direction only unless both are square. */
  function frame(canvas, map) {
    const box = canvas.getBoundingClientRect();
    const zoom = Math.min(box.width / map.width, box.height / map.height);
    return { zoom, left: box.left + (box.width - map.width * zoom) / 2, top: box.top + (box.height - map.height * zoom) / 2 };
  }

  function leavePixel(figure) {
    put(figure.querySelector(".map-reading"), "");
    figure.querySelector(".map-cursor").hidden = true;
  }

  window.addEventListener("resize", refresh);
  document.addEventListener("fullscreenchange", refresh);
  new MutationObserver(refresh).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["data-map", "src"],
  });

  window.vitrine.maps = { PICTURE_SIDE, TINY, drawn, frame, leavePixel, put, settings: () => settings, spoken };
})();
