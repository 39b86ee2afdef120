/* Pictures on canvases, changed: what the editor of the Try page does to an image. No page, no state. */
(function () {
  "use strict";

  function blank(width, height) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(Math.round(width), 1);
    canvas.height = Math.max(Math.round(height), 1);
    return canvas;
  }

  const brushOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });

  function copy(source, width, height) {
    const canvas = blank(width || source.width, height || source.height);
    const brush = brushOf(canvas);
    brush.imageSmoothingQuality = "high";
    brush.drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /* The picture as large as needed to fill the frame, its middle in the frame's middle. */
  function fitted(source, width, height) {
    const scale = Math.max(width / source.width, height / source.height);
    const canvas = blank(width, height);
    const brush = brushOf(canvas);
    brush.imageSmoothingQuality = "high";
    const size = [source.width * scale, source.height * scale];
    brush.drawImage(source, (width - size[0]) / 2, (height - size[1]) / 2, size[0], size[1]);
    return canvas;
  }

  function filled(width, height, colour) {
    const canvas = blank(width, height);
    const brush = brushOf(canvas);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    return canvas;
  }

  const hex = (values) => "#" + Array.from(values.slice(0, 3), (value) => Math.round(value).toString(16).padStart(2, "0")).join("");

  function colourAt(canvas, point) {
    const x = Math.min(Math.max(Math.floor(point.x), 0), canvas.width - 1);
    const y = Math.min(Math.max(Math.floor(point.y), 0), canvas.height - 1);
    return hex(brushOf(canvas).getImageData(x, y, 1, 1).data);
  }

  function meanColour(canvas) {
    const { data } = brushOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
    const sums = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      sums[0] += data[at];
      sums[1] += data[at + 1];
      sums[2] += data[at + 2];
    }
    return hex(sums.map((sum) => sum / (data.length / 4)));
  }

  /* Halved until details of `radius` are gone and doubled again: smooth, and the same in every browser. */
  function blurred(canvas, radius) {
    const levels = Math.max(Math.round(Math.log2(Math.max(radius, 2))), 1);
    const sizes = Array.from({ length: levels + 1 }, (_unused, level) => [canvas.width / 2 ** level, canvas.height / 2 ** level]);
    const down = sizes.slice(1).reduce((picture, size) => copy(picture, ...size), canvas);
    return sizes.slice(0, -1).reverse().reduce((picture, size) => copy(picture, ...size), down);
  }

  /* Shows `layer`, shifted by `shift`, through a stroke from one point to another. All brushes are this. */
  function stroke(canvas, layer, from, to, radius, shift) {
    const shape = blank(canvas.width, canvas.height);
    const brush = brushOf(shape);
    brush.lineCap = brush.lineJoin = "round";
    brush.lineWidth = 2 * radius;
    brush.beginPath();
    brush.moveTo(from.x, from.y);
    brush.lineTo(to.x + 0.001, to.y);
    brush.stroke();
    brush.globalCompositeOperation = "source-in";
    brush.drawImage(layer, shift.x, shift.y);
    brushOf(canvas).drawImage(shape, 0, 0);
  }

  function cropped(canvas, frame) {
    const cut = blank(frame.width, frame.height);
    brushOf(cut).drawImage(canvas, frame.x, frame.y, frame.width, frame.height, 0, 0, cut.width, cut.height);
    return cut;
  }

  /* About the middle, clockwise; what comes in at the corners has the mean colour. */
  function rotated(canvas, degrees) {
    const upright = Math.abs(degrees % 180) === 90;
    const [width, height] = upright ? [canvas.height, canvas.width] : [canvas.width, canvas.height];
    const turned = filled(width, height, meanColour(canvas));
    const brush = brushOf(turned);
    brush.imageSmoothingQuality = "high";
    brush.translate(width / 2, height / 2);
    brush.rotate((degrees * Math.PI) / 180);
    brush.drawImage(canvas, -canvas.width / 2, -canvas.height / 2);
    return turned;
  }

  /* `share` of the whole range is added to every value. */
  function lightened(canvas, share) {
    const lighter = copy(canvas);
    const brush = brushOf(lighter);
    const image = brush.getImageData(0, 0, lighter.width, lighter.height);
    const add = Math.round(share * 255);
    for (let at = 0; at < image.data.length; at += 4) {
      image.data[at] += add;
      image.data[at + 1] += add;
      image.data[at + 2] += add;
    }
    brush.putImageData(image, 0, 0);
    return lighter;
  }

  function load(address) {
    return new Promise((resolve, reject) => {
      const image = new Image();
      image.addEventListener("load", () => resolve(copy(image, image.naturalWidth, image.naturalHeight)));
      image.addEventListener("error", () => reject(new Error(address)));
      image.src = address;
    });
  }

  window.vitrine.pictures = { blurred, colourAt, copy, cropped, filled, fitted, lightened, load, meanColour, rotated, stroke };
})();
