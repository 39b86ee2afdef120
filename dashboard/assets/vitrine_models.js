/* Models in the browser: the tree of layers, drawn from plain values. Texts go in as text, never as markup. */
(function () {
  "use strict";

  const TREE = "models-tree";

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className || "";
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  }

  function row(layer, tag) {
    const made = element(tag, "layer-row");
    const first = element("span", "layer-cell");
    const name = element("span", "layer-name", layer.name);
    name.title = layer.path;
    first.append(name, ...layer.marks.map((mark) => element("span", "chip chip-still", mark)));
    if (layer.note) {
      first.append(element("span", "quiet", layer.note));
    }
    const kind = element("span", "layer-cell layer-kind", layer.kind);
    kind.title = layer.kind;
    const share = element("span", "layer-cell figures");
    const bar = element("span", "bar");
    bar.style.setProperty("--share", layer.bar);
    bar.setAttribute("aria-hidden", "true");
    share.append(bar, element("span", "layer-share", layer.share));
    const shape = element("span", "layer-cell layer-shape", layer.shape);
    made.append(first, kind, shape, element("span", "layer-cell figures", layer.parameters), share);
    return made;
  }

  function list(layers) {
    const made = element("ul", "layers");
    for (const layer of layers) {
      const item = element("li");
      if (layer.inner.length) {
        const details = element("details");
        details.open = layer.open;
        details.append(row(layer, "summary"), list(layer.inner));
        item.append(details);
      } else {
        item.append(row(layer, "div"));
      }
      made.append(item);
    }
    return made;
  }

  window.dash_clientside.models = {
    drawLayers(layers) {
      document.getElementById(TREE)?.replaceChildren(...(layers && layers.length ? [list(layers)] : []));
      return layers ? layers.length : 0;
    },
  };
})();
