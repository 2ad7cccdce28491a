"""A grid of probabilities to paint on, with the mouse or with the keyboard; the drawing is done in the browser.

`anywidget` brings the few lines of JavaScript below into the page; nothing is loaded from elsewhere.
"""

import anywidget
import traitlets

_SCRIPT = """
function render({ model, el }) {
  const rows = model.get("rows"), columns = model.get("columns"), truth = model.get("truth");
  const cell = 24, void_ = 255;
  const canvas = document.createElement("canvas");
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  canvas.tabIndex = 0;
  canvas.style.cssText = "touch-action: none; cursor: crosshair; max-width: none;";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", model.get("description"));
  const pen = canvas.getContext("2d");
  let values = [...model.get("values")], cursor = Math.floor(rows / 2) * columns + Math.floor(columns / 2);
  let painting = false, focused = false, last = -1;

  function corner(place) {
    const row = Math.floor(place / columns), column = place % columns;
    return [column * cell, row * cell];
  }

  function line(x0, y0, x1, y1) {
    pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke();
  }

  function draw() {
    values.forEach((value, place) => {
      const [x, y] = corner(place), grey = Math.round(255 * value);
      pen.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      pen.fillRect(x, y, cell, cell);
      pen.lineWidth = 1;
      pen.strokeStyle = "#9A9A9A";
      pen.strokeRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
      if (truth[place] === void_) {
        pen.lineWidth = 1.5;
        pen.strokeStyle = "#D55E00";
        line(x + 4, y + cell - 4, x + cell - 4, y + 4);
        line(x + 4, y + 4, x + cell - 4, y + cell - 4);
      }
    });
    pen.lineWidth = 3;
    pen.strokeStyle = "#009E73";
    values.forEach((_, place) => {
      const [x, y] = corner(place), one = truth[place] === 1;
      const right = place % columns < columns - 1 && (truth[place + 1] === 1) !== one;
      const below = place + columns < truth.length && (truth[place + columns] === 1) !== one;
      if (right) line(x + cell, y, x + cell, y + cell);
      if (below) line(x, y + cell, x + cell, y + cell);
    });
    if (focused) {
      const [x, y] = corner(cursor);
      pen.lineWidth = 3;
      pen.strokeStyle = "#0072B2";
      pen.strokeRect(x + 2, y + 2, cell - 4, cell - 4);
    }
  }

  function paint(place) {
    if (place === last) return;
    last = cursor = place;
    values[place] = model.get("brush");
    draw();
  }

  function finish() {
    painting = false;
    last = -1;
    model.set("values", [...values]);
    model.save_changes();
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * columns);
    const row = Math.floor((event.clientY - box.top) / box.height * rows);
    return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    painting = true;
    paint(under(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (painting) for (const step of event.getCoalescedEvents()) paint(under(step));
  });
  canvas.addEventListener("pointerup", () => { if (painting) finish(); });
  canvas.addEventListener("pointercancel", () => { if (painting) finish(); });
  canvas.addEventListener("focus", () => { focused = true; draw(); });
  canvas.addEventListener("blur", () => { focused = false; draw(); });
  canvas.addEventListener("keydown", (event) => {
    const row = Math.floor(cursor / columns), column = cursor % columns;
    if (event.key === "ArrowLeft") cursor -= column > 0 ? 1 : 0;
    else if (event.key === "ArrowRight") cursor += column < columns - 1 ? 1 : 0;
    else if (event.key === "ArrowUp") cursor -= row > 0 ? columns : 0;
    else if (event.key === "ArrowDown") cursor += row < rows - 1 ? columns : 0;
    else if (event.key === " ") { paint(cursor); finish(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  model.on("change:values", () => { values = [...model.get("values")]; draw(); });
  draw();
  el.appendChild(canvas);
}
export default { render };
"""


class PaintCanvas(anywidget.AnyWidget):
    """A grid of `rows` × `columns` cells: a stroke sets the cells that it touches to `brush`, and `values` when it ends.

    `values` are probabilities, shown from black (0) to white (1); `truth` has the labels, foreground (1) outlined, void
    (255) crossed out. Both are flat, row by row. With the keyboard, arrows move and the space bar paints.
    """

    _esm = _SCRIPT

    rows = traitlets.Int().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    values = traitlets.List(traitlets.Float()).tag(sync=True)
    truth = traitlets.List(traitlets.Int()).tag(sync=True)
    brush = traitlets.Float(1.0).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
