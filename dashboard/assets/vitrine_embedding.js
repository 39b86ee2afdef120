/* Embedding in the browser: lasso to polygon, camera to address, the card under the pointer. */
(function () {
  "use strict";

  const { changed, noUpdate, same } = window.vitrine;
  const MAX_CORNERS = 200;
  const GRAPH = "embedding-graph";
  const SELECTS_WITHIN = 100; // milliseconds; the plot looks which points it holds up to 50 after a stroke ends
  // What the figure is made from; the lasso and the camera are the plot's own.
  const OWN = ["lasso", "camera", "page", "sort", "descending"];

  /* The outline that was drawn last. The plot's own record of it, since events tell the points alone after a redraw. */
  function outline(drawn) {
    const last = (drawn.layout.selections || []).at(-1);
    if (!last) {
      return null;
    }
    if (last.path) {
      const ring = last.path.split("M").at(-1).replace("Z", "").split("L");
      return simplified(ring.map((corner) => corner.split(",").map(Number)));
    }
    const { x0, x1, y0, y1 } = last;
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }

  /* Visvalingam's way: drops the corner that changes the area least, until few enough are left. */
  function simplified(corners) {
    const kept = corners.slice();
    const area = (at) => {
      const [a, b, c] = [kept.at(at - 1), kept[at], kept[(at + 1) % kept.length]];
      return Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]));
    };
    while (kept.length > MAX_CORNERS) {
      let least = 0;
      for (let at = 1; at < kept.length; at += 1) {
        if (area(at) < area(least)) {
          least = at;
        }
      }
      kept.splice(least, 1);
    }
    return kept;
  }

  function plot() {
    return document.querySelector(`#${GRAPH} .js-plotly-plot`);
  }

  /* Dash passes a point on without its details where they came as a typed array; the plot itself has them. */
  function detailsOf(event) {
    const point = event && event.points && event.points[0];
    const drawn = plot();
    const trace = point && drawn && drawn._fullData && drawn._fullData[point.curveNumber];
    const details = trace && trace.customdata && trace.customdata[point.pointNumber];
    return details ? Array.from(details) : null;
  }

  function cameraOf(relayout, before) {
    if (!relayout) {
      return before;
    }
    if (relayout["xaxis.autorange"] || relayout.autosize === undefined && relayout["xaxis.range[0]"] === undefined && relayout["xaxis.range"] === undefined) {
      return relayout["xaxis.autorange"] ? "" : before;
    }
    const drawn = plot();
    if (!drawn || !drawn._fullLayout || relayout.autosize) {
      return before;
    }
    const { xaxis, yaxis } = drawn._fullLayout;
    return [...xaxis.range, ...yaxis.range].map((value) => Number(value).toPrecision(4)).join(",");
  }

  /* What the pointer draws in the plot; done while it draws nothing. */
  let stroke = Promise.resolve();
  let newest = 0; // number of the last figure that came

  document.addEventListener(
    "pointerdown",
    (event) => {
      if (event.target.closest(`#${GRAPH} .nsewdrag`)) {
        stroke = new Promise((done) => {
          const ended = () => window.setTimeout(done, SELECTS_WITHIN);
          ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, ended, { once: true, capture: true }));
        });
      }
    },
    true,
  );

  function clear() {
    const drawn = plot();
    if (drawn && window.Plotly) {
      window.Plotly.update(drawn, { selectedpoints: [null] }, { selections: [] });
    }
    const state = window.vitrine.states["embedding-state"];
    if (state) {
      window.dash_clientside.set_props("embedding-state", { data: changed(state, { lasso: "" }) });
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest('[data-action="clear-lasso"]')) {
      clear();
    }
  });

  function fact(name, value, kind) {
    const line = document.createElement("div");
    const key = document.createElement("span");
    key.className = "quiet";
    key.textContent = name + " ";
    const text = document.createElement(kind === "wrong" ? "strong" : "span");
    text.textContent = value;
    line.append(key, text);
    return line;
  }

  function fill(card, meta, details) {
    const [row, label, prediction, thousandths] = details;
    const image = document.createElement("img");
    image.alt = "";
    image.src = `/media/thumb/${encodeURIComponent(meta.dataset)}/${row}`;
    image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth <= 64));
    const words = document.createElement("div");
    const wrong = label >= 0 && prediction >= 0 && meta.labels[label] !== meta.predictions[prediction];
    if (label >= 0) {
      words.append(fact(meta.words.label, meta.labels[label]));
    }
    if (prediction >= 0) {
      const share = `${meta.predictions[prediction]} (${(thousandths / 10).toFixed(0)} %)`;
      words.append(fact(meta.words.prediction, wrong ? `${share} ✗ ${meta.words.wrong}` : share, wrong ? "wrong" : ""));
    }
    card.replaceChildren(image, words);
  }

  function place(card, box) {
    const graph = plot().getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = card;
    const left = graph.left + (box.x0 + box.x1) / 2;
    const top = graph.top + (box.y0 + box.y1) / 2;
    card.style.left = `${Math.min(Math.max(left - width / 2, 8), window.innerWidth - width - 8)}px`;
    card.style.top = `${top - height - 14 > 8 ? top - height - 14 : top + 14}px`;
  }

  const embedding = {
    embeddingState(colour, projection, split, outcome, selected, relayout, state) {
      const cause = (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
      const before = changed(state || {}, {});
      const chosen = (value) => (value === "all" ? "" : value);
      let changes = { colour: colour === "label" ? "" : colour, split: chosen(split), outcome: chosen(outcome) };
      if (Array.isArray(before.split) && before.split.length > 1 && split === before.split[0]) {
        delete changes.split; // the control shows the first of several; it did not choose
      }
      if (projection && projection !== before.projection) {
        changes = { ...changes, projection, camera: "" };
      }
      if (cause.endsWith(".selectedData")) {
        const drawn = plot();
        const polygon = selected && drawn && outline(drawn);
        if (polygon && polygon.length >= 3) {
          const flat = polygon.flat().map((value) => Number(Number(value).toPrecision(4)));
          // In the plane that was drawn in; another one may have been chosen, and be on its way, since.
          changes.lasso = `${drawn.layout.meta.projection}:${flat.join(",")}`;
        } else if (!selected) {
          changes.lasso = "";
        }
      } else if (cause.endsWith(".relayoutData")) {
        changes.camera = cameraOf(relayout, before.camera);
      }
      const next = changed(before, changes);
      return same(next, before) ? noUpdate() : next;
    },

    embeddingFigureState(state, shown) {
      const next = { ...(state || {}) };
      OWN.forEach((name) => delete next[name]);
      return shown && same(next, shown) ? noUpdate() : next;
    },

    /* The newest figure, as soon as nobody is drawing. */
    async embeddingShown(figure) {
      const turn = (newest += 1);
      await stroke;
      if (turn !== newest || !figure) {
        return noUpdate();
      }
      const drawn = plot();
      const same = drawn && drawn.layout.meta && drawn.layout.meta.projection === figure.layout.meta.projection;
      // What was drawn while the figure was on its way stays.
      return same ? { ...figure, layout: { ...figure.layout, selections: drawn.layout.selections || [] } } : figure;
    },

    embeddingHover(hover, figure) {
      const card = document.getElementById("embedding-hover");
      const details = detailsOf(hover);
      if (!card || !details) {
        if (card) {
          card.hidden = true;
        }
        return noUpdate();
      }
      fill(card, figure.layout.meta, details);
      card.hidden = false;
      place(card, hover.points[0].bbox);
      return noUpdate();
    },

    embeddingClicked(click) {
      const details = detailsOf(click);
      return details ? { row: details[0], at: Date.now() } : noUpdate();
    },
  };
  window.dash_clientside.vitrine = Object.assign(window.dash_clientside.vitrine || {}, embedding);
})();
