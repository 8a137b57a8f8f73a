"""The gallery as one HTML page that works from disk: a table of images, each of which opens large.

No script or style comes from elsewhere. Keys in the large view: arrows left and right go through the columns,
up and down through the items, the space bar shows the photograph while it is held, Escape closes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from glimpse.images import BY_ENDING

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --paper: #f4f5f6; --accent: #1d62b5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaec; --paper: #17191c; --accent: #7db4f5; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 15px/1.45 system-ui, sans-serif; }
header { padding: 18px 22px 8px; display: flex; flex-wrap: wrap; gap: 6px 26px; align-items: baseline; }
h1 { font-size: 21px; margin: 0; }
header p { margin: 0; opacity: .75; }
.tools { display: flex; flex-wrap: wrap; gap: 6px 18px; padding: 4px 22px 12px; align-items: center; }
.tools label { display: inline-flex; gap: 6px; align-items: center; }
main { padding: 0 22px 40px; width: max-content; }
table { border-collapse: separate; border-spacing: 6px; }
thead th { position: sticky; top: 0; background: var(--paper); padding: 7px 4px; z-index: 1; }
tbody th { font: 12px ui-monospace, monospace; opacity: .75; text-align: right; padding-right: 6px;
  min-width: 4em; max-width: 12em; overflow-wrap: anywhere; }
td button { display: block; padding: 0; border: 0; background: none; cursor: zoom-in; border-radius: 3px; }
td img { display: block; width: var(--cell); height: auto; border-radius: 3px; }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hidden { display: none; }
dialog { border: 0; padding: 0; width: 100vw; height: 100vh; max-width: none; max-height: none;
  background: #0d0e10; color: #eceef0; overflow: hidden; }
dialog[open] { display: grid; grid-template-rows: auto 1fr auto; }
.bar { display: flex; gap: 18px; align-items: center; padding: 10px 16px; }
.bar strong { font-size: 16px; }
.bar span { opacity: .75; }
.bar button, .strip button { color: inherit; background: #23272c; border: 1px solid #3b4148;
  border-radius: 5px; font: inherit; padding: 4px 11px; cursor: pointer; }
.bar .close { margin-left: auto; }
.stage { display: grid; place-items: center; min-height: 0; padding: 0 10px; }
.stage img { width: 100%; height: 100%; object-fit: contain; min-height: 0; }
.strip { display: flex; flex-wrap: wrap; gap: 8px; padding: 10px 16px 14px; justify-content: center; }
.strip button[aria-current=true] { background: #2f6fc0; border-color: #6aa5ee; }
@media print { .tools, dialog { display: none; } thead th { position: static; } }
"""

SCRIPT = """
'use strict';
const columns = JSON.parse(document.getElementById('columns').textContent);
const rows = [...document.querySelectorAll('tbody tr')];
const view = document.getElementById('view');
const large = view.querySelector('.stage img');
const real = columns.findIndex(column => column.name === 'real');
let row = 0, column = 0;
const picture = (r, c) => rows[r].querySelectorAll('td img')[c];
const heads = document.querySelector('thead').rows[0].cells;
const shown = c => !heads[c + 1].classList.contains('hidden');
function draw(c = column) {
  const image = picture(row, c);
  large.src = image.src;
  large.alt = image.alt;
  view.querySelector('.item').textContent = rows[row].dataset.item;
  view.querySelector('.place').textContent = `${row + 1} of ${rows.length}`;
  view.querySelectorAll('.strip button').forEach((button, k) => {
    button.setAttribute('aria-current', k === c);
    button.classList.toggle('hidden', !shown(k));
  });
}
function open(r, c) { row = r; column = c; draw(); if (!view.open) view.showModal(); }
function close() { view.close(); picture(row, column).parentElement.focus(); }
function turn(step) {
  do column = (column + step + columns.length) % columns.length; while (!shown(column));
  draw();
}
function leaf(step) { row = (row + step + rows.length) % rows.length; draw(); }
rows.forEach((line, r) => line.querySelectorAll('td button').forEach((button, c) =>
  button.addEventListener('click', () => open(r, c))));
columns.forEach((known, c) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = known.title;
  button.addEventListener('click', () => { column = c; draw(); });
  view.querySelector('.strip').append(button);
});
view.querySelector('.previous').addEventListener('click', () => leaf(-1));
view.querySelector('.next').addEventListener('click', () => leaf(1));
view.querySelector('.close').addEventListener('click', close);
view.addEventListener('cancel', event => { event.preventDefault(); close(); });
document.addEventListener('keydown', event => {
  if (!view.open) return;
  const act = { ArrowRight: () => turn(1), ArrowLeft: () => turn(-1), ArrowDown: () => leaf(1),
    ArrowUp: () => leaf(-1), n: () => leaf(1), p: () => leaf(-1),
    ' ': () => real >= 0 && draw(real) }[event.key];
  if (act) { event.preventDefault(); act(); }
});
document.addEventListener('keyup', event => {
  if (view.open && event.key === ' ') { event.preventDefault(); draw(); }
});
document.getElementById('size').addEventListener('input', event =>
  document.documentElement.style.setProperty('--cell', event.target.value + 'px'));
const boxes = [...document.querySelectorAll('.tools input[type=checkbox]')];
boxes.forEach((box, c) => box.addEventListener('change', () => {
  if (!boxes.some(other => other.checked)) { box.checked = true; return; }
  document.querySelectorAll('tr').forEach(line =>
    line.cells[c + 1].classList.toggle('hidden', !box.checked));
}));
"""


@dataclass(frozen=True)
class Cell:
    """An image of the page: its size in pixels, its file beside the page, its bytes where it is embedded."""

    width: int
    height: int
    name: str
    suffix: str
    data: bytes | None

    @property
    def source(self) -> str:
        """The image's URL: of its data, or of its file, relative to the page."""
        if self.data is None:
            return quote(self.name)
        kind = BY_ENDING[self.suffix].content_type
        return f"data:{kind};base64,{base64.b64encode(self.data).decode('ascii')}"


ENLARGED = """<dialog id="view" aria-label="Enlarged image">
<div class="bar"><strong class="item"></strong><span class="place"></span>
<button type="button" class="previous">Previous item</button>
<button type="button" class="next">Next item</button>
<button type="button" class="close">Close</button></div>
<div class="stage"><img alt=""></div>
<div class="strip"></div>
</dialog>"""


def page(title: str, columns: Sequence[tuple[str, str]], cells: dict[str, list[Cell]]) -> str:
    """Return the page: `columns` are (name, heading), `cells` the images of each item in their order."""
    import json

    known = json.dumps([{"name": name, "title": heading} for name, heading in columns]).replace(
        "<", "\\u003c"
    )
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for _, heading in columns)
    boxes = "".join(
        f'<label><input type="checkbox" checked> {escape(heading)}</label>' for _, heading in columns
    )
    body = "\n".join(_row(item, columns, row) for item, row in cells.items())
    width = next(iter(cells.values()))[0].width
    size = min(max(width, 160), 320)
    cell = f"max(96px, min({size}px, calc((100vw - 140px) / {len(columns)} - 8px)))"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}:root {{ --cell: {cell}; }}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{len(cells)} items. Click an image to enlarge it; then the arrow keys go
through columns and items, the space bar shows the photograph while you hold it, Escape closes.</p></header>
<div class="tools">
<label>Size <input id="size" type="range" min="96" max="768" value="{size}"></label>{boxes}
</div>
<main><table>
<thead><tr><th></th>{heads}</tr></thead>
<tbody>
{body}
</tbody>
</table></main>
{ENLARGED}
<script type="application/json" id="columns">{known}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _row(item: str, columns: Sequence[tuple[str, str]], cells: Sequence[Cell]) -> str:
    images = "".join(
        f'<td><button type="button"><img src="{cell.source}" width="{cell.width}" height="{cell.height}" '
        f'loading="lazy" decoding="async" alt="{escape(f"{item}, {heading}")}"></button></td>'
        for (_, heading), cell in zip(columns, cells, strict=True)
    )
    return f'<tr data-item="{escape(item)}"><th scope="row">{escape(item)}</th>{images}</tr>'
