/* Sets of pixels: painted by brush or polygon, and written as COCO's run lengths, as data/masks.py reads them. No page. */
(function () {
  "use strict";

  const MOST_SIDE = 1024; // pixels of a side that are drawn with; larger images are marked a little coarser

  /* An image's mask: row by row, 1 inside, at a scale that a browser can draw with. */
  function blank(width, height) {
    const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
    const size = [Math.max(Math.round(width * scale), 1), Math.max(Math.round(height * scale), 1)];
    return { width: size[0], height: size[1], fullWidth: width, fullHeight: height, inside: new Uint8Array(size[0] * size[1]) };
  }

  const copy = (mask) => ({ ...mask, inside: mask.inside.slice() });
  const empty = (mask) => !mask.inside.includes(1);

  /* Every pixel whose middle is within `radius` of the stroke, and the pixel that the pointer is on. */
  function stroke(mask, from, to, radius, value) {
    const low = (a, b) => Math.max(Math.floor(Math.min(a, b) - radius), 0);
    const high = (a, b, side) => Math.min(Math.ceil(Math.max(a, b) + radius), side - 1);
    const [right, down] = [to.x - from.x, to.y - from.y];
    const length = right * right + down * down;
    for (let y = low(from.y, to.y); y <= high(from.y, to.y, mask.height); y += 1) {
      for (let x = low(from.x, to.x); x <= high(from.x, to.x, mask.width); x += 1) {
        const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
        const share = length ? Math.min(Math.max((px * right + py * down) / length, 0), 1) : 0;
        if (Math.hypot(px - share * right, py - share * down) <= radius) {
          mask.inside[y * mask.width + x] = value;
        }
      }
    }
    const [x, y] = [Math.floor(to.x), Math.floor(to.y)];
    if (x >= 0 && y >= 0 && x < mask.width && y < mask.height) {
      mask.inside[y * mask.width + x] = value;
    }
  }

  /* Every pixel whose middle is inside the corners, by the even-odd rule. */
  function polygon(mask, corners, value) {
    for (let y = 0; y < mask.height; y += 1) {
      const crossed = [];
      corners.forEach((from, place) => {
        const to = corners[(place + 1) % corners.length];
        if (from.y <= y + 0.5 !== to.y <= y + 0.5) {
          crossed.push(from.x + ((y + 0.5 - from.y) / (to.y - from.y)) * (to.x - from.x));
        }
      });
      crossed.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossed.length; pair += 2) {
        const last = Math.min(Math.ceil(crossed[pair + 1] - 0.5), mask.width);
        for (let x = Math.max(Math.ceil(crossed[pair] - 0.5), 0); x < last; x += 1) {
          mask.inside[y * mask.width + x] = value;
        }
      }
    }
  }

  /* Lengths of the runs of the whole image, column by column, outside first. */
  function runs(mask) {
    const lengths = [];
    let [inside, length] = [0, 0];
    for (let x = 0; x < mask.fullWidth; x += 1) {
      const column = Math.floor((x * mask.width) / mask.fullWidth);
      for (let y = 0; y < mask.fullHeight; y += 1) {
        const row = Math.floor((y * mask.height) / mask.fullHeight);
        if (mask.inside[row * mask.width + column] !== inside) {
          lengths.push(length);
          [inside, length] = [1 - inside, 0];
        }
        length += 1;
      }
    }
    return [...lengths, length];
  }

  /* Groups of five bits, from the third number on as the difference to the last but one. */
  function encode(mask) {
    let text = "";
    runs(mask).forEach((length, place, all) => {
      let value = place > 2 ? length - all[place - 2] : length;
      for (let more = true; more; ) {
        let bits = value & 31;
        value >>= 5;
        more = bits & 16 ? value !== -1 : value !== 0;
        bits |= more ? 32 : 0;
        text += String.fromCharCode(bits + 48);
      }
    });
    return { width: mask.fullWidth, height: mask.fullHeight, counts: text };
  }

  function lengthsOf(counts) {
    const lengths = [];
    let [value, shift] = [0, 0];
    for (const letter of counts) {
      const bits = letter.charCodeAt(0) - 48;
      value |= (bits & 31) << shift;
      shift += 5;
      if (!(bits & 32)) {
        value -= bits & 16 ? 1 << shift : 0;
        lengths.push(value + (lengths.length > 2 ? lengths[lengths.length - 2] : 0));
        [value, shift] = [0, 0];
      }
    }
    return lengths;
  }

  /* Adds what is inside an encoded mask. */
  function add(mask, encoded) {
    if (encoded.width !== mask.fullWidth || encoded.height !== mask.fullHeight) {
      return;
    }
    let at = 0;
    lengthsOf(encoded.counts).forEach((length, place) => {
      for (let end = at + length; at < end && place % 2; at += 1) {
        const column = Math.floor((Math.floor(at / mask.fullHeight) * mask.width) / mask.fullWidth);
        const row = Math.floor(((at % mask.fullHeight) * mask.height) / mask.fullHeight);
        mask.inside[row * mask.width + column] = 1;
      }
      at += place % 2 ? 0 : length;
    });
  }

  window.vitrine.masks = { add, blank, copy, empty, encode, polygon, stroke };
})();
