/* What a person does with a map: read a value, see it whole, take it home, open a grid of them. */
(function () {
  "use strict";

  const { display, word } = window.vitrine;
  const { PICTURE_SIDE, TINY, drawn, frame, leavePixel, put, settings, spoken } = window.vitrine.maps;
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  /* ---- the value at a pixel ---- */

  const pixels = new WeakMap(); // canvas -> the pixel that the keys stand on

  function readPixel(canvas, x, y, aloud) {
    const { map } = drawn.get(canvas) || {};
    const figure = canvas.closest("figure.map");
    if (!map || !map.values || !figure || x < 0 || y < 0 || x >= map.width || y >= map.height) {
      return;
    }
    pixels.set(canvas, [x, y]);
    const reading = figure.querySelector(".map-reading");
    reading.setAttribute("aria-live", aloud ? "polite" : "off");
    const value = spoken(map.values[y * map.width + x]);
    put(reading, word("map-value").replace("{value}", value).replace("{x}", x).replace("{y}", y));
    const cursor = figure.querySelector(".map-cursor");
    const { zoom, left, top } = frame(canvas, map);
    const stage = cursor.parentElement.getBoundingClientRect();
    cursor.hidden = false;
    cursor.style.left = `${left - stage.left + (x + 0.5) * zoom}px`;
    cursor.style.top = `${top - stage.top + (y + 0.5) * zoom}px`;
    cursor.style.width = cursor.style.height = `${Math.max(zoom, 9)}px`;
  }

  const canvasOf = (event) => event.target.closest && event.target.closest("figure.map canvas[data-map]");

  document.addEventListener("pointermove", (event) => {
    const canvas = canvasOf(event);
    const { map } = (canvas && drawn.get(canvas)) || {};
    if (map && map.values) {
      const { zoom, left, top } = frame(canvas, map);
      readPixel(canvas, Math.floor((event.clientX - left) / zoom), Math.floor((event.clientY - top) / zoom), false);
    }
  });
  document.addEventListener("pointerout", (event) => {
    const canvas = canvasOf(event);
    if (canvas && canvas !== document.activeElement) {
      leavePixel(canvas.closest("figure.map"));
    }
  });
  document.addEventListener("focusout", (event) => {
    const canvas = canvasOf(event);
    if (canvas) {
      leavePixel(canvas.closest("figure.map"));
    }
  });

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  /* Before the pages' own keys: on a map the arrows walk over it, elsewhere they turn to the next sample. */
  document.addEventListener(
    "keydown",
    (event) => {
      const canvas = canvasOf(event);
      const { map } = (canvas && drawn.get(canvas)) || {};
      if (!map || !map.values || !(event.key in STEPS) || event.metaKey || event.ctrlKey || event.altKey) {
        return;
      }
      event.preventDefault();
      const middle = [Math.floor(map.width / 2), Math.floor(map.height / 2)];
      const known = pixels.get(canvas);
      const far = event.shiftKey ? 10 : 1;
      const [x, y] = known ? known.map((value, axis) => value + far * STEPS[event.key][axis]) : middle;
      readPixel(canvas, Math.min(Math.max(x, 0), map.width - 1), Math.min(Math.max(y, 0), map.height - 1), true);
    },
    true,
  );

  /* ---- what can be done with a map ---- */

  function whole(figure) {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else if (figure.requestFullscreen) {
      figure.requestFullscreen();
    } else {
      figure.classList.toggle("is-whole"); // phones that know full screen for videos only
    }
  }

  function save(figure) {
    const canvas = figure.querySelector("canvas[data-map]");
    const image = figure.querySelector("img.picture");
    const { map } = drawn.get(canvas);
    const zoom = Math.max(Math.round(PICTURE_SIDE / Math.max(map.width, map.height)), 1);
    const [width, height] = [map.width * zoom, map.height * zoom];
    const beside = settings().look === "beside";
    const picture = document.createElement("canvas");
    picture.width = beside ? 2 * width : width;
    picture.height = height;
    const context = picture.getContext("2d");
    context.imageSmoothingEnabled = Math.max(map.width, map.height) > TINY;
    context.drawImage(image, 0, 0, width, height);
    context.globalAlpha = beside ? 1 : settings().opacity / 100;
    context.drawImage(canvas, beside ? width : 0, 0, width, height);
    picture.toBlob((blob) => {
      const link = document.createElement("a");
      const values = figure.querySelector(".map-files a[download]");
      link.href = URL.createObjectURL(blob);
      link.download = values ? values.download.replace(/\.npy$/, ".png") : "difference.png";
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("[data-map-act], [data-map-grid], [data-set]");
    if (!target) {
      return;
    }
    if (target.dataset.mapAct) {
      const figure = target.closest("figure.map");
      (target.dataset.mapAct === "full" ? whole : save)(figure);
    } else if (target.dataset.mapGrid) {
      const open = target.getAttribute("aria-expanded") !== "true";
      target.setAttribute("aria-expanded", String(open));
      setProps(target.dataset.mapGrid, { data: open });
      display(target.dataset.mapGrid.replace(/-grid-opened$/, "-state"), { grid: open ? "methods" : "" });
    } else {
      setProps(target.dataset.set, { value: target.dataset.value });
      document.querySelector(".look").scrollIntoView({ block: "nearest" });
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll("figure.is-whole").forEach((figure) => figure.classList.remove("is-whole"));
      if (document.fullscreenElement) {
        document.exitFullscreen();
      }
    }
  });
})();
