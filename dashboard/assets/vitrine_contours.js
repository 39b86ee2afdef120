/* Lines of equal value through a map. */
(function () {
  "use strict";

  function smooth(map) {
    const radius = Math.round(Math.max(map.width, map.height) / 90);
    let values = map.values;
    for (let round = 0; radius && round < 2; round += 1) {
      values = averaged(averaged(values, map.width, map.height, 1, map.width, radius), map.height, map.width, map.width, 1, radius);
    }
    return values;
  }

  /* The mean of 2 × radius + 1 values along one axis, with `step` between them and `stride` between the lines. */
  function averaged(values, length, lines, step, stride, radius) {
    const result = new Float32Array(values.length);
    for (let line = 0; line < lines; line += 1) {
      const start = line * stride;
      const at = (index) => values[start + Math.min(Math.max(index, 0), length - 1) * step];
      let sum = 0;
      for (let index = -radius; index <= radius; index += 1) {
        sum += at(index);
      }
      for (let index = 0; index < length; index += 1) {
        result[start + index * step] = sum / (2 * radius + 1);
        sum += at(index + radius + 1) - at(index - radius);
      }
    }
    return result;
  }

  /* Marching squares: for each square of four pixels, where the level crosses its edges. */
  function lines(values, width, height, level, sign, signed) {
    const path = new Path2D();
    const at = (x, y) => (signed ? sign * values[y * width + x] : Math.abs(values[y * width + x])) - level;
    for (let y = 0; y < height - 1; y += 1) {
      for (let x = 0; x < width - 1; x += 1) {
        const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
        const inside = corners.map((value) => value >= 0);
        if (inside.every(Boolean) || !inside.some(Boolean)) {
          continue;
        }
        const edges = [];
        [[0, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 0, 0]].forEach(([fromX, fromY, toX, toY], edge) => {
          const [from, to] = [corners[edge], corners[(edge + 1) % 4]];
          if (from >= 0 !== to >= 0) {
            const share = from / (from - to);
            edges.push([x + 0.5 + fromX + share * (toX - fromX), y + 0.5 + fromY + share * (toY - fromY)]);
          }
        });
        for (let edge = 0; edge + 1 < edges.length; edge += 2) {
          path.moveTo(...edges[edge]);
          path.lineTo(...edges[edge + 1]);
        }
      }
    }
    return path;
  }

  window.vitrine.contours = { lines, smooth };
})();
