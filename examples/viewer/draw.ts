/**
 * Draws frames: one byte a cell goes to the graphics card, which looks its colour up.
 *
 * @module
 */
/// <reference lib="dom" />

/** Colour maps by name, from the lowest value to the highest. */
export const MAPS: ReadonlyMap<string, readonly string[]> = new Map([
  ["Viridis", ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"]],
  ["Magma", ["#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf"]],
  ["Ember", ["#0b0405", "#571012", "#bc3a24", "#f8960f", "#fcffa4"]],
  ["Ice", ["#04061a", "#1f3a73", "#2f7fb0", "#7cc7d6", "#f2fdfd"]],
  ["Ink", ["#f6f1e5", "#d9d0bf", "#8796a8", "#3a4f78", "#131a33"]],
  ["Grey", ["#0c0c0d", "#3d3d40", "#77777b", "#b6b6b9", "#f7f7f7"]],
]);

/** Draws `size` × `size` cells in 256 colours. */
export type Painter = (cells: Uint8Array, size: number, colours: ImageData) => void;

const VERTEX = `#version 300 es
out vec2 place;
void main() { // one triangle covers the canvas
  place = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
  gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0, 1);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D cells, colours;
in vec2 place;
out vec4 colour;
void main() { // lit from the upper left, as if the values were heights
  vec2 d = 1.0 / vec2(textureSize(cells, 0));
  float light = texture(cells, place + d).r - texture(cells, place - d).r;
  float value = clamp(texture(cells, place).r + 0.3 * light, 0.0, 1.0);
  colour = texture(colours, vec2((value * 255.0 + 0.5) / 256.0, 0.5));
}`;

/** Draws with WebGL2 where there is some, and with the plain canvas elsewhere. */
export function createPainter(canvas: HTMLCanvasElement): Painter {
  const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true });
  if (!gl) return plainPainter(canvas);
  const program = gl.createProgram();
  for (const type of [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER]) {
    const shader = gl.createShader(type);
    if (!shader) return plainPainter(canvas);
    gl.shaderSource(shader, type === gl.VERTEX_SHADER ? VERTEX : FRAGMENT);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  for (const [unit, name] of ["cells", "colours"].entries()) {
    gl.uniform1i(gl.getUniformLocation(program, name), unit);
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  }
  return (cells, size, colours) => {
    gl.activeTexture(gl.TEXTURE0);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, size, size, 0, gl.RED, gl.UNSIGNED_BYTE, cells);
    gl.activeTexture(gl.TEXTURE1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, colours);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  };
}

function plainPainter(canvas: HTMLCanvasElement): Painter {
  return (cells, size, colours) => {
    canvas.width = canvas.height = size;
    const picture = new ImageData(size, size);
    const pixels = new Uint32Array(picture.data.buffer);
    const table = new Uint32Array(colours.data.buffer);
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i] ?? 0;
      const light = (cells[i + size + 1] ?? cell) - (cells[i - size - 1] ?? cell);
      pixels[i] = table[Math.min(Math.max(cell + 0.3 * light, 0), 255) | 0] ?? 0;
    }
    canvas.getContext("2d")?.putImageData(picture, 0, 0);
  };
}

/** Mixes the 256 colours of a map. */
export function mix(map: readonly string[]): ImageData {
  const context = new OffscreenCanvas(256, 1).getContext("2d");
  if (!context) throw new Error("The browser has no canvas");
  context.fillStyle = context.createLinearGradient(0, 0, 256, 0);
  for (const [i, colour] of map.entries()) {
    context.fillStyle.addColorStop(i / (map.length - 1), colour);
  }
  context.fillRect(0, 0, 256, 1);
  return context.getImageData(0, 0, 256, 1);
}
