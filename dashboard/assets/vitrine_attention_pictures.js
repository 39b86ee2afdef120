/* Pictures of attention, made of plain shapes: bands between two sentences, a heat map, the wall of heads, and files. */
(function () {
  "use strict";

  /* Okabe and Ito's colours; a longer sentence takes a ramp along its words, which any eye can order. */
  const FEW = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a000", "#8c6bb1", "#7f7f7f"];
  const RAMP = [[72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43]];
  const ROW = 22;
  const SLOT = 26;
  const MOST_BANDS = 1500;
  const FAINTEST = 0.02; // weaker bands are not drawn, but are in the bars
  const MOST_CELLS = 6000; // above, the cells of a heat map are one picture instead of shapes

  const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const fixed = (value) => Math.round(value * 100) / 100;
  const percent = (value) => `${(100 * value).toFixed(value < 0.0995 ? 2 : 1)} %`;
  const short = (text, most) => {
    const signs = Array.from(text);
    return signs.length > most ? signs.slice(0, most - 1).join("") + "…" : text;
  };
  /* About how broad a text is drawn, in pixels: signs of East Asian scripts are as broad as high. */
  const broad = (text) => Array.from(text).reduce((sum, sign) => sum + (sign >= "\u1100" ? 13.5 : 7.6), 0);
  const label = (token) => (token.t.trim() ? token.t : "␣");

  function colour(place, count) {
    if (count <= FEW.length) {
      return FEW[place];
    }
    const at = (place / (count - 1)) * (RAMP.length - 1);
    const from = Math.min(Math.floor(at), RAMP.length - 2);
    const mixed = RAMP[from].map((value, channel) => Math.round(value + (at - from) * (RAMP[from + 1][channel] - value)));
    return "#" + mixed.map((value) => value.toString(16).padStart(2, "0")).join("");
  }

  /* The colours of the page, as they are now. */
  function palette() {
    const style = getComputedStyle(document.body);
    const of = (name) => style.getPropertyValue(name).trim();
    return { ground: of("--v-surface"), text: of("--bs-body-color"), quiet: of("--v-quiet"), line: of("--v-line"), accent: of("--v-accent") };
  }

  const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Arial, sans-serif" font-size="13"';

  function svg(width, height, inside, title) {
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fixed(width)} ${fixed(height)}" width="${fixed(width)}" height="${fixed(height)}" ` +
      `role="img" aria-label="${escaped(title)}" ${FONT}>${inside.join("")}</svg>`
    );
  }

  /* Where the words of one side stand, below each other; the lower side is stretched to the height of the higher. */
  function stacked(sizes, height) {
    const free = sizes.length ? (height - sizes.reduce((sum, size) => sum + size, 0)) / sizes.length : 0;
    let at = 0;
    return sizes.map((size) => {
      const from = at + free / 2;
      at += size + free;
      return from;
    });
  }

  /* Both sentences as columns. Of each read word a bar as long as all that was taken from it, in the colours of the words
     that took it, and a band to each of them. */
  function bands(shown, width) {
    const [rows, columns] = shown.shape;
    const looks = palette();
    const shares = Array.from({ length: rows }, (_unused, row) => {
      const values = shown.row(row);
      const sum = Math.max(values.reduce((total, value) => total + value, 0), 1);
      return Array.from(values, (value) => value / sum);
    });
    const taken = Array.from({ length: columns }, (_unused, column) => shares.reduce((sum, row) => sum + row[column], 0));
    const lefts = taken.map((mass) => Math.max(mass * ROW, ROW * 0.8));
    const total = Math.max(rows * SLOT, lefts.reduce((sum, size) => sum + size + 4, 0));
    const at = { left: stacked(lefts, total), right: stacked(Array(rows).fill(ROW), total) };
    const most = Math.min(Math.max(width * 0.26, 70), 190);
    const longest = Math.max(...shown.rowLabels.concat(shown.columnLabels).map(broad), 0);
    const margin = Math.min(longest + 10, most);
    const letters = Math.floor(most / 8);
    const [near, far] = [margin + 8, width - margin - 8];
    const [x, y] = [near + 10, far - 10];
    const inside = [];
    const links = [];
    const filled = { left: at.left.map((from, column) => from + (lefts[column] - taken[column] * ROW) / 2), right: at.right.slice() };
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const size = shares[row][column] * ROW;
        const [a, b] = [filled.left[column], filled.right[row]];
        filled.left[column] += size;
        filled.right[row] += size;
        if (size > 0.15) {
          const paint = colour(row, rows);
          inside.push(`<rect x="${near}" y="${fixed(a)}" width="10" height="${fixed(size)}" fill="${paint}" class="att-part" data-row="${row}" data-column="${column}"/>`);
        }
        if (shares[row][column] >= FAINTEST) {
          links.push({ row, column, size, a, b });
        }
      }
      inside.push(`<rect x="${y}" y="${fixed(at.right[row])}" width="10" height="${ROW}" fill="${colour(row, rows)}" class="att-part" data-row="${row}"/>`);
    }
    const middle = (x + y) / 2;
    const drawn = links.sort((one, other) => other.size - one.size).slice(0, MOST_BANDS);
    drawn.forEach(({ row, column, size, a, b }) => {
      const path =
        `M${x} ${fixed(a)}C${fixed(middle)} ${fixed(a)} ${fixed(middle)} ${fixed(b)} ${y} ${fixed(b)}` +
        `L${y} ${fixed(b + size)}C${fixed(middle)} ${fixed(b + size)} ${fixed(middle)} ${fixed(a + size)} ${x} ${fixed(a + size)}Z`;
      inside.push(`<path d="${path}" fill="${colour(row, rows)}" fill-opacity="0.5" class="att-band" data-row="${row}" data-column="${column}"/>`);
    });
    const word = (text, left, top, anchor, place) =>
      `<text x="${left}" y="${fixed(top)}" text-anchor="${anchor}" dominant-baseline="central" fill="${looks.text}" class="att-word" ${place}>` +
      `${escaped(short(text, letters))}<title>${escaped(text)}</title></text>`;
    shown.columnLabels.forEach((text, column) => inside.push(word(text, near - 6, at.left[column] + lefts[column] / 2, "end", `data-column="${column}"`)));
    shown.rowLabels.forEach((text, row) => inside.push(word(text, far + 6, at.right[row] + ROW / 2, "start", `data-row="${row}"`)));
    return { text: svg(width, total + 4, inside, shown.words.bands), left: links.length - drawn.length };
  }

  function upright(labels) {
    return labels.every((text) => Array.from(text).length <= 2);
  }

  /* Read words above, reading words on the left; of a sentence that is written from right to left the first is rightmost. */
  function heat(shown) {
    const [rows, columns] = shown.shape;
    const looks = palette();
    const cell = Math.max(Math.min(34, 900 / Math.max(columns, 1)), 15);
    const letters = 16;
    const left = Math.min(Math.max(...shown.rowLabels.map((text) => broad(short(text, letters))), 8) + 14, 150);
    const straight = upright(shown.columnLabels);
    const top = straight ? 24 : Math.min(Math.max(...shown.columnLabels.map((text) => broad(short(text, 14))), 8) * 0.85 + 18, 112);
    const across = (column) => left + (shown.mirrored ? columns - 1 - column : column) * cell;
    const peak = shown.peak || 1;
    const inside = [];
    if (rows * columns <= MOST_CELLS) {
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          const share = shown.at(row, column) / peak;
          if (share >= 0.004) {
            inside.push(`<rect x="${fixed(across(column))}" y="${fixed(top + row * cell)}" width="${fixed(cell)}" height="${fixed(cell)}" fill="${looks.accent}" fill-opacity="${share.toFixed(3)}"/>`);
          }
        }
      }
    } else {
      inside.push(`<image x="${fixed(left)}" y="${fixed(top)}" width="${fixed(columns * cell)}" height="${fixed(rows * cell)}" preserveAspectRatio="none" image-rendering="pixelated" href="${cells(shown, looks.accent)}"/>`);
    }
    inside.push(`<rect x="${fixed(left)}" y="${fixed(top)}" width="${fixed(columns * cell)}" height="${fixed(rows * cell)}" fill="none" stroke="${looks.line}"/>`);
    shown.rowLabels.forEach((text, row) =>
      inside.push(
        `<text x="${fixed(left - 6)}" y="${fixed(top + (row + 0.5) * cell)}" text-anchor="end" dominant-baseline="central" fill="${looks.text}" class="att-word" data-row="${row}">${escaped(short(text, letters))}<title>${escaped(text)}</title></text>`,
      ),
    );
    shown.columnLabels.forEach((text, column) => {
      const [x, y] = [across(column) + cell / 2, top - 7];
      const turn = straight ? 'text-anchor="middle"' : `text-anchor="start" transform="rotate(-55 ${fixed(x)} ${fixed(y)})"`;
      inside.push(`<text x="${fixed(x)}" y="${fixed(y)}" ${turn} fill="${looks.text}" class="att-word" data-column="${column}">${escaped(short(text, 14))}<title>${escaped(text)}</title></text>`);
    });
    const right = straight ? 4 : top * 0.6;
    const frame = { left, top, cell, rows, columns, mirrored: shown.mirrored };
    return { text: svg(left + columns * cell + right, top + rows * cell + 4, inside, shown.words.heat), frame };
  }

  function rgb(colourText) {
    const brush = document.createElement("canvas").getContext("2d");
    brush.fillStyle = colourText;
    brush.fillRect(0, 0, 1, 1);
    return brush.getImageData(0, 0, 1, 1).data;
  }

  /* One pixel a cell, as an address. */
  function cells(shown, accent) {
    const [rows, columns] = shown.shape;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [columns, rows];
    const brush = canvas.getContext("2d");
    const image = brush.createImageData(columns, rows);
    const [red, green, blue] = rgb(accent);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const place = 4 * (row * columns + (shown.mirrored ? columns - 1 - column : column));
        image.data.set([red, green, blue, Math.round((255 * shown.at(row, column)) / (shown.peak || 1))], place);
      }
    }
    brush.putImageData(image, 0, 0);
    return canvas.toDataURL("image/png");
  }

  /* A head as a small picture. */
  function tile(values, height, width, accent) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const brush = canvas.getContext("2d");
    const image = brush.createImageData(width, height);
    const [red, green, blue] = rgb(accent);
    values.forEach((value, place) => image.data.set([red, green, blue, value], 4 * place));
    brush.putImageData(image, 0, 0);
    return canvas;
  }

  function save(blob, name) {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = name;
    anchor.click();
    window.setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  }

  /* The picture with the page's ground behind it, which a file does not have. */
  function grounded(text) {
    return text.replace(/(<svg[^>]*>)/, `$1<rect width="100%" height="100%" fill="${palette().ground}"/>`);
  }

  async function png(text, name) {
    const image = new Image();
    const address = URL.createObjectURL(new Blob([grounded(text)], { type: "image/svg+xml" }));
    image.src = address;
    await image.decode();
    const scale = Math.min(2, 16000 / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    canvas.toBlob((blob) => save(blob, name), "image/png");
  }

  /* A cell that a spreadsheet shows and does not run, see data/export.py. */
  function quoted(value) {
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  }

  function csv(shown) {
    const [rows, columns] = shown.shape;
    const lines = ["position,word,read_position,read_word,weight"];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        lines.push([row, quoted(shown.rowLabels[row]), shown.place(column), quoted(shown.columnLabels[column]), shown.at(row, column)].join(","));
      }
    }
    return lines.join("\r\n") + "\r\n";
  }

  /* The strongest weights of each word as text: what the pictures show, for those who read it. */
  function table(shown) {
    const word = (text) => `<bdi class="att-said">${escaped(text.trim() ? text : "␣")}</bdi>`;
    const lines = shown.rowLabels.map((text, row) => {
      const best = Array.from(shown.row(row), (weight, column) => [weight, column]).sort((one, other) => other[0] - one[0]);
      const looks = best.slice(0, shown.words.strongest).map(([weight, column]) => `${word(shown.columnLabels[column])} ${percent(weight)}`);
      const said = shown[shown.rowsSide].tokens[row].p;
      return `<tr><th scope="row">${word(text)}</th><td class="figures">${said === undefined ? "" : percent(said)}</td><td>${looks.join(" · ")}</td></tr>`;
    });
    const heads = shown.words.table.map((text) => `<th scope="col">${escaped(text)}</th>`).join("");
    return `<table class="table table-sm att-table"><caption>${escaped(shown.words.caption)}</caption><thead><tr>${heads}</tr></thead><tbody>${lines.join("")}</tbody></table>`;
  }

  const files = {
    svg: (text, name) => save(new Blob([grounded(text)], { type: "image/svg+xml" }), `${name}.svg`),
    png: (text, name) => png(text, `${name}.png`),
    csv: (shown, name) => save(new Blob(["\ufeff", csv(shown)], { type: "text/csv" }), `${name}.csv`),
  };

  window.vitrine.attention = { bands, colour, files, heat, label, palette, percent, table, tile };
})();
