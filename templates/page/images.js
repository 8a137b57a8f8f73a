// ---- Images: fetched some trials ahead, put into the page one trial ahead, so that they are rastered before onset.
const HIDDEN = '.001';
// What is declared with `let` studies of clips do otherwise (clips.js).
let aheadCount = 6;
const RETRIES_MS = [400, 1500, 4000];
const fetched = new Map();
let arrival = async address => {
  const image = new Image();
  image.draggable = false;
  image.src = address;
  await image.decode();
  return image;
};
async function fetchOne(file, turn = 0) {
  try {
    const address = data.b + file + (turn && /^http/.test(location.protocol) ? '?again=' + turn : '');
    const image = await arrival(address);
    image.className = 'layer';
    return image;
  } catch (error) {
    if (turn >= RETRIES_MS.length) throw error;
    await wait(RETRIES_MS[turn]);
    return fetchOne(file, turn + 1);
  }
}
function pair(index) {
  if (!fetched.has(index)) {
    const both = Promise.all(trials[index].files.map(file => fetchOne(file)));
    both.catch(() => fetched.delete(index));
    fetched.set(index, both);
  }
  return fetched.get(index);
}
const order = place => trialAt(place, total, state);
const places = () => placeCount(total, state);
let prepare = async place => {
  const images = await pair(order(place));
  images.forEach((image, side) => {
    image.alt = word(['left_image', 'right_image', 'reference'][side]);
    const pane = panes[side] || $('reference');
    if (image.parentNode !== pane) pane.append(image);
  });
  return images;
};
async function ahead(place) {
  for (let next = place + 1; next <= place + aheadCount && next < places(); next++) {
    if (state.missing.includes(order(next))) continue;
    try {
      await (next === place + 1 ? prepare(next) : pair(order(next)));
    } catch {
      return;
    }
  }
}
function retire(index) {
  const both = fetched.get(index);
  fetched.delete(index);
  if (both) both.then(images => images.forEach(image => image.remove())).catch(() => {});
}

// ---- Masks: the same coloured noise for everybody, of all spatial scales, painted once.
function noise(columns, rows, random) {
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const to = canvas.getContext('2d');
  const pixels = to.createImageData(columns, rows);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const grey = random() * 255;
    for (let c = 0; c < 3; c++) pixels.data[i + c] = 0.6 * grey + 0.4 * random() * 255;
    pixels.data[i + 3] = 255;
  }
  to.putImageData(pixels, 0, 0);
  return canvas;
}
function paintMasks() {
  let seed = 20170731;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const ratio = Math.min(2, devicePixelRatio || 1);
  for (const canvas of masks) {
    canvas.width = data.w * ratio;
    canvas.height = data.H * ratio;
    const to = canvas.getContext('2d');
    [7, 17, 41, 97, 229].forEach((columns, octave) => {
      const rows = Math.max(2, Math.round((columns * data.H) / data.w));
      to.globalAlpha = [1, 0.5, 0.42, 0.36, 0.3][octave];
      to.imageSmoothingEnabled = false;
      to.drawImage(noise(columns, rows, random), 0, 0, canvas.width, canvas.height);
    });
  }
}
const masks = [...document.querySelectorAll('.mask')];
let light = (elements, on) => {
  for (const element of elements) element.style.opacity = on ? '1' : HIDDEN;
};
