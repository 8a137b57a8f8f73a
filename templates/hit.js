(() => {
'use strict';
// One HIT in one page. Times are in ms on performance.now()'s clock; a "frame" is one animation callback.
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const limited = data.e.length > 0;
const query = new URLSearchParams(location.search);
const assignment = query.get('assignmentId') || '';
const preview = !assignment || assignment === 'ASSIGNMENT_ID_NOT_AVAILABLE';
const key = `glimpse:${data.s}:${data.h}:${assignment}`;
const panes = [$('left'), $('right')], sides = ['left', 'right'], choices = [$('pick-left'), $('pick-right')];
const HIDDEN = '.001', AHEAD = 6, WARM = 12;
const RATES = [50, 60, 72, 75, 90, 100, 120, 144, 165, 240];
const wait = ms => new Promise(done => setTimeout(done, ms));
const tenth = ms => Math.round(ms * 10) / 10;

// A trial is 42 characters: two names of 20, the exposure's number, and which of the file types they have.
const total = data.t.length / 42;
const trials = Array.from({length: total}, (_, i) => {
  const part = data.t.slice(42 * i, 42 * i + 42), types = parseInt(part[41], 36), n = data.x.length;
  return {
    id: 't' + String(data.n + i).padStart(data.d, '0'),
    files: [part.slice(0, 20) + data.x[Math.floor(types / n)], part.slice(20, 40) + data.x[types % n]],
    ms: limited ? data.e[parseInt(part[40], 36)] : null,
    correct: i < data.p.length ? +(data.p[i] === 'R') : null,
  };
});

// ---- State: what survives a reload. `open` is the trial that was begun and not answered.
let state = {v: 1, seq: 0, agreed: 0, at: 0, again: [], answers: [], open: null, missing: [], losses: 0, rested: 0, sent: 0};
let storage = null;
try { storage = window.localStorage; storage.setItem('glimpse', '1'); storage.removeItem('glimpse'); } catch { storage = null; }
const progress = (() => {
  const path = query.get('progressUrl');
  if (!path || preview) return null;
  try { const url = new URL(path, location.href); return url.origin === location.origin && /^http/.test(url.protocol) ? url.href : null; } catch { return null; }
})();
let putting = Promise.resolve();
function save() {
  if (preview) return putting;
  state.seq++;
  const text = JSON.stringify(state);
  try { if (storage) storage.setItem(key, text); } catch { storage = null; }
  if (progress) putting = putting.then(() => Promise.race([wait(2000), fetch(progress, {method: 'PUT', body: text, keepalive: text.length < 60000, headers: {'Content-Type': 'application/json'}})])).catch(() => {});
  return putting;
}
function known(text) {
  try { const value = JSON.parse(text); return value && value.v === 1 && Array.isArray(value.answers) && value.seq >= 0 ? value : null; } catch { return null; }
}
async function load() {
  if (preview) return;
  let best = null;
  try {
    for (const name of Object.keys(storage || {})) {
      if (!name.startsWith('glimpse:') || name === key) continue;
      const other = known(storage.getItem(name));
      if (!other || other.sent || Date.now() - (other.seen || 0) > 30 * 864e5) storage.removeItem(name);
    }
    best = storage && known(storage.getItem(key));
  } catch { storage = null; }
  if (progress) {
    const reply = await Promise.race([wait(4000), fetch(progress).then(r => r.status === 200 ? r.text() : '').catch(() => '')]);
    const kept = known(reply || '');
    if (kept && (!best || kept.seq > best.seq)) best = kept;
  }
  if (best) state = {...state, ...best};
  state.seen = Date.now();
}

// ---- Screens
let screen = '';
const ids = ['loading', 'refuse', 'consent', 'instructions', 'trial', 'pause', 'sorry', 'done'];
function show(name) {
  if (screen === name) return;
  screen = name;
  for (const id of ids) $(id).hidden = id !== name;
  ($(name + '-title') || $(name)).focus({preventScroll: true});
  window.scrollTo(0, 0);
}
function banner(text) { $('banner').textContent = text; $('banner').hidden = !text; }
const visible = (element, on) => element.classList.toggle('off', !on);

// ---- Size: in limited time everybody sees the same number of CSS pixels; in unlimited time images shrink to fit.
const room = () => [innerWidth - 48 - 60, innerHeight - 250];
const scale = () => Math.min(1, room()[0] / 2 / data.w, room()[1] / data.H);
const phone = () => limited && (matchMedia('(pointer: coarse)').matches && !matchMedia('(any-pointer: fine)').matches && Math.min(window.screen.width, window.screen.height) < 700);
function fit() {
  const factor = limited ? 1 : Math.max(.3, scale());
  document.documentElement.style.setProperty('--w', Math.round(data.w * factor) + 'px');
  document.documentElement.style.setProperty('--h', Math.round(data.H * factor) + 'px');
}
function refused() {
  if (phone()) {
    $('refuse-title').textContent = 'Please use a computer for this study';
    $('refuse-text').textContent = 'Images are shown for exact fractions of a second and at one size, which phones cannot do reliably. Open this task on a laptop or desktop computer; nothing is lost by leaving now.';
    $('refuse-size').textContent = '';
    return true;
  }
  if (scale() >= (limited ? 1 : .3)) return false;
  const needed = limited ? 1 : .3;
  $('refuse-title').textContent = 'The window is too small';
  $('refuse-text').textContent = 'Both images must fit side by side' + (limited ? ' in their full size' : '') + '. Enlarge the window, turn the device, or zoom out with Ctrl and \u2212; this page goes on by itself as soon as there is room.';
  $('refuse-size').textContent = `It is ${innerWidth} \u00d7 ${innerHeight}; needed are ${Math.ceil(data.w * 2 * needed + 108)} \u00d7 ${Math.ceil(data.H * needed + 250)}.`;
  return true;
}
let whole = true;
if (window.IntersectionObserver) new IntersectionObserver(seen => { whole = seen[seen.length - 1].intersectionRatio > .98; }, {threshold: [0, .5, .98, 1]}).observe($('stage'));

// ---- The screen's refresh period P, from the gaps between animation callbacks, snapped to a known rate.
const gaps = [];
let hz = 60, P = 1000 / 60;
function learn(gap) {
  if (gap < 2 || gap > 60) return;
  gaps.push(gap);
  if (gaps.length > 240) gaps.shift();
  if (gaps.length < 20) return;
  const sorted = [...gaps].sort((a, b) => a - b), rate = 1000 / sorted[sorted.length >> 1];
  const near = RATES.reduce((a, b) => Math.abs(b - rate) < Math.abs(a - rate) ? b : a);
  hz = Math.abs(near / rate - 1) < .06 ? near : Math.round(rate * 100) / 100;
  P = 1000 / hz;
}
function measure(frames) {
  return new Promise(done => {
    let last = 0, left = frames;
    const step = ts => {
      if (last) learn(ts - last);
      last = ts;
      if (left-- > 0) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
    setTimeout(done, frames * 100);
  });
}

// ---- Element Timing: when the marks that go out with onset and offset were presented.
const shownAt = {};
let audits = false;
try {
  if (PerformanceObserver.supportedEntryTypes.includes('element')) {
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) if (entry.identifier) shownAt[entry.identifier] = entry.presentationTime || entry.renderTime || entry.startTime;
    }).observe({type: 'element', buffered: false});
    audits = true;
  }
} catch { audits = false; }
let marks = 0;
function mark() {
  if (!audits) return '';
  const element = document.createElement('p'), name = 'm' + ++marks;
  element.setAttribute('elementtiming', name);
  element.textContent = marks % 10;
  $('mark').replaceChildren(element);
  return name;
}

// ---- Images: fetched some trials ahead, put into the page one trial ahead, so that they are rastered before onset.
const fetched = new Map();
function fetchOne(file) {
  const attempt = async turn => {
    const image = new Image();
    image.className = 'layer';
    image.draggable = false;
    image.src = data.b + file + (turn && /^http/.test(location.protocol) ? '?again=' + turn : '');
    try { await image.decode(); return image; } catch (error) {
      if (turn >= 3) throw error;
      await wait([400, 1500, 4000][turn]);
      return attempt(turn + 1);
    }
  };
  return attempt(0);
}
function pair(index) {
  if (!fetched.has(index)) {
    const both = Promise.all(trials[index].files.map(fetchOne));
    both.catch(() => fetched.delete(index));
    fetched.set(index, both);
  }
  return fetched.get(index);
}
const order = place => place < total ? place : state.again[place - total];
const places = () => total + state.again.length;
async function prepare(place) {
  const images = await pair(order(place));
  images.forEach((image, side) => {
    image.alt = side ? 'Right image' : 'Left image';
    if (image.parentNode !== panes[side]) panes[side].append(image);
  });
  return images;
}
function ahead(place) {
  (async () => {
    for (let next = place + 1; next <= place + AHEAD && next < places(); next++) {
      if (state.missing.includes(order(next))) continue;
      try { if (next === place + 1) await prepare(next); else await pair(order(next)); } catch { return; }
    }
  })();
}
function retire(index) {
  const both = fetched.get(index);
  fetched.delete(index);
  if (both) both.then(images => images.forEach(image => image.remove())).catch(() => {});
}

// ---- Masks: the same coloured noise for everybody, of all spatial scales, painted once.
function paintMasks() {
  let seed = 20170731;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const ratio = Math.min(2, devicePixelRatio || 1);
  for (const canvas of document.querySelectorAll('.mask')) {
    canvas.width = data.w * ratio; canvas.height = data.H * ratio;
    const to = canvas.getContext('2d');
    [7, 17, 41, 97, 229].forEach((columns, octave) => {
      const rows = Math.max(2, Math.round(columns * data.H / data.w)), noise = document.createElement('canvas');
      noise.width = columns; noise.height = rows;
      const from = noise.getContext('2d'), pixels = from.createImageData(columns, rows);
      for (let i = 0; i < pixels.data.length; i += 4) {
        const grey = random() * 255;
        for (let c = 0; c < 3; c++) pixels.data[i + c] = .6 * grey + .4 * random() * 255;
        pixels.data[i + 3] = 255;
      }
      from.putImageData(pixels, 0, 0);
      to.globalAlpha = [1, .5, .42, .36, .3][octave];
      to.imageSmoothingEnabled = false;
      to.drawImage(noise, 0, 0, canvas.width, canvas.height);
    });
  }
}
const masks = [...document.querySelectorAll('.mask')];
const light = (elements, on) => { for (const element of elements) element.style.opacity = on ? '1' : HIDDEN; };

// ---- A trial: ready -> fixation -> exposure -> answer. `now` is null between trials.
let now = null, phase = '';
function enter(name) {
  phase = name;
  visible($('ready'), name === 'ready');
  visible($('choose'), name === 'answer');
  visible($('ask'), name === 'answer' || !limited);
  for (const choice of choices) choice.disabled = name !== 'answer';
  $('go').disabled = name !== 'ready';
  $('stage').classList.toggle('answering', name === 'answer');
}
function tell() {
  const place = state.at, practice = data.p.length;
  const words = place < practice ? `Practice ${place + 1} of ${practice}` : place < total ? `Pair ${place + 1 - practice} of ${total - practice}` : `A pair once more, ${place - total + 1} of ${state.again.length}`;
  $('count').textContent = words;
  $('bar').max = places(); $('bar').value = place;
  return words;
}
async function next() {
  now = null;
  while (state.at < places() && state.missing.includes(order(state.at))) state.at++;
  if (state.at >= places()) return finish();
  if (refused()) { show('refuse'); return; }
  const place = state.at, index = order(place), scored = place - data.p.length;
  if (data.k && scored > 0 && scored % data.k === 0 && place < total && state.rested < place) return rest(place, scored);
  tell();
  light(masks, false);
  enter('');
  visible($('ready'), limited);
  show('trial');
  let images;
  const slow = setTimeout(() => { $('note').textContent = 'Loading the images \u2026'; }, 700);
  try { images = await prepare(place); } catch { failed(index); return; } finally { clearTimeout(slow); }
  if (screen !== 'trial' || state.at !== place || now) return;
  $('note').textContent = '';
  ahead(place);
  now = {index, place, images, flags: [], shown: null, frames: null, onset: null, from: null, marks: []};
  const begun = state.open && state.open.place === place ? state.open : null;
  if (begun && limited) return recover(begun);
  if (begun) now.flags.push('reload');
  if (limited) { enter('ready'); if (document.activeElement !== $('go')) $('trial').focus({preventScroll: true}); hint(); } else begin();
}
function recover(begun) {
  // The pair was shown before the page was closed: it is asked for, not shown again.
  Object.assign(now, {flags: [...(begun.flags || []), 'reload'], shown: begun.shown ?? null, frames: begun.frames ?? null, onset: begun.onset ?? null, from: performance.now()});
  light(masks, true);
  enter('answer');
  $('note').textContent = 'You have seen this pair before the page was closed. Which one was it?';
}
const hint = () => { if (phase === 'ready') $('note').textContent = document.hasFocus() ? '' : 'Click here first, so that the keys work.'; };

async function begin() {
  if (!now || now.begun || (limited && phase !== 'ready')) return;
  if (refused()) { show('refuse'); return; }
  if (!whole) {
    $('stage').scrollIntoView({block: 'center'});
    await wait(150);
    if (!whole && limited) { $('note').textContent = 'Scroll so that both frames are fully on the screen.'; return; }
  }
  if (!now || now.begun) return;
  const trial = now;
  trial.begun = true;
  $('note').textContent = '';
  enter('fixation');
  // Written before the onset: whatever happens then, there is no second look.
  state.open = {place: trial.place};
  const saved = save();
  if (!storage && progress) await saved;
  const period = limited ? data.f : 250, began = performance.now();
  let last = 0, frames = 0, quiet = 0;
  const ms = trials[trial.index].ms;
  let count = 0, budget = 0;
  const step = ts => {
    if (now !== trial) return;
    const gap = last ? ts - last : 0;
    last = ts;
    if (trial.onset === null) {
      frames++;
      if (gap) learn(gap);
      quiet = gap && gap < 1.5 * P ? quiet + 1 : 0;
      const waited = ts - began;
      if (frames < WARM || waited < period || document.hidden || (quiet < 3 && waited < period + 1500)) return requestAnimationFrame(step);
      light(trial.images, true);
      trial.marks.push(mark());
      trial.onset = ts;
      budget = P;
      count = ms === null ? 0 : Math.max(1, Math.floor(ms * hz / 1000 + .5));
      if (ms === null) { trial.from = ts; enter('answer'); return undefined; }
      return requestAnimationFrame(step);
    }
    if (trial.shown === null && !trial.second) {
      trial.second = true;
      if (gap > 1.5 * budget) trial.flags.push('late');
    }
    if (ts - trial.onset < (count - .5) * budget) return requestAnimationFrame(step);
    light(trial.images, false);
    light(masks, true);
    trial.marks.push(mark());
    trial.shown = ts - trial.onset;
    trial.frames = Math.round(trial.shown / budget);
    trial.budget = budget;
    trial.nominal = count * budget;
    trial.from = ts;
    if (trial.frames > count) trial.flags.push('long');
    state.open = {place: trial.place, shown: tenth(trial.shown), frames: trial.frames, onset: tenth(trial.onset), flags: trial.flags};
    enter('answer');
    setTimeout(save);
    return undefined;
  };
  requestAnimationFrame(step);
}
function disturbed(flag) {
  if (limited && now && phase === 'fixation' && now.onset !== null && !now.flags.includes(flag)) now.flags.push(flag);
}
function audit(trial) {
  const [on, off] = trial.marks.map(name => shownAt[name]);
  if (!on || !off || trial.nominal === undefined) return null;
  if (Math.abs(off - on - trial.nominal) > trial.budget * 1.05) trial.flags.push('audit');
  return off - on;
}
function choose(side, time) {
  if (phase !== 'answer' || !now) return;
  const trial = now, response = time - trial.from;
  if (response < 0 || (!limited && response < 120)) return;
  const {id, correct} = trials[trial.index];
  const record = {trial: id, side: sides[side], response_ms: tenth(response), shown_ms: trial.shown === null ? null : tenth(trial.shown), frames: trial.frames, onset_ms: trial.onset === null ? null : tenth(trial.onset)};
  const presented = audit(trial), repeat = trial.place >= total;
  if (presented !== null) record.presented_ms = tenth(presented);
  if (limited && trial.budget && Math.abs(trial.budget - P) > .01) record.period_ms = Math.round(trial.budget * 1000) / 1000;
  if (trial.flags.length) record.flags = trial.flags;
  if (repeat) record.repeat = 1;
  const spoilt = trial.flags.length && !trial.flags.includes('reload');
  if (limited && spoilt && !repeat && correct === null) state.again.push(trial.index);
  state.answers.push(record);
  state.at++;
  state.open = null;
  save();
  now = null;
  enter('');
  const leave = () => { light(trial.images, false); retire(trial.index); next(); };
  if (correct === null) return leave();
  $('note').textContent = correct === side ? 'Yes, that was the photograph.' : `The photograph was on the ${sides[correct]}.`;
  setTimeout(() => { $('note').textContent = ''; leave(); }, 1600);
}

// ---- Breaks, failures, the end
function rest(place, scored) {
  const left = total - place;
  $('pause-text').textContent = `${scored} of ${total - data.p.length} pairs are done, ${left} ${left === 1 ? 'is' : 'are'} left.`;
  state.rested = place;
  save();
  show('pause');
}
let failures = 0;
function failed(index) {
  failures++;
  $('skip').hidden = failures < 3;
  $('skip').onclick = () => { state.missing.push(index); save(); failures = 0; next(); };
  show('sorry');
}
const allowed = () => {
  let target;
  try { target = new URL(query.get('turkSubmitTo') || ''); } catch { return null; }
  return [...data.o, location.origin].includes(target.origin) && target.origin !== 'null' ? target.origin + target.pathname.replace(/\/+$/, '') : null;
};
function submission() {
  const page = {user_agent: navigator.userAgent, viewport: [innerWidth, innerHeight], device_pixel_ratio: devicePixelRatio || 1, refresh_hz: hz, focus_losses: state.losses};
  if (state.missing.length) page.missing = state.missing.map(index => trials[index].id);
  return JSON.stringify({schema: 1, study: data.s, hit: data.h, page, answers: state.answers});
}
function finish() {
  show('done');
  const target = allowed();
  if (target) return;
  $('send').hidden = true;
  $('record').hidden = false;
  $('record').textContent = submission();
  $('done-text').textContent = query.get('turkSubmitTo') ? `The address to submit to, ${query.get('turkSubmitTo')}, is not one that this study allows. Please send the text below to the requester.` : 'This was a trial run: the page was opened without an address to submit to. This is what it would send:';
}
async function reachable(address) {
  // A form that cannot reach its server would replace this page by an error. Any reply at all will do.
  let blocked = false;
  const notice = () => { blocked = true; };
  document.addEventListener('securitypolicyviolation', notice);
  try {
    await Promise.race([fetch(address, {mode: 'no-cors', cache: 'no-store', credentials: 'omit'}), wait(8000).then(() => { throw new Error('slow'); })]);
    return true;
  } catch {
    await wait(50);
    return blocked;
  } finally { document.removeEventListener('securitypolicyviolation', notice); }
}
$('form').addEventListener('submit', async event => {
  event.preventDefault();
  const target = allowed();
  if (!target || $('send').disabled) return;
  $('send').disabled = true;
  for (let turn = 0; ; turn++) {
    $('sent').textContent = turn ? 'The server cannot be reached. Your answers are kept on this computer; trying again \u2026' : 'Sending \u2026';
    if (await reachable(target + '/mturk/externalSubmit')) break;
    await wait(Math.min(20000, 2000 * 1.5 ** turn));
  }
  await Promise.race([putting, wait(1500)]);
  state.sent = Date.now();
  try { if (storage) storage.setItem(key, JSON.stringify(state)); } catch { storage = null; }
  const form = $('form');
  form.action = target + '/mturk/externalSubmit';
  form.elements.assignmentId.value = assignment;
  form.elements.answers.value = submission();
  HTMLFormElement.prototype.submit.call(form);
  // Still here after a while: the server did not take it. The answers are here; the button works again.
  setTimeout(() => { $('send').disabled = false; $('sent').textContent = 'No confirmation came yet. You can submit again.'; }, 15000);
});

// ---- Input
const LEFT = ['ArrowLeft', 'KeyF'], RIGHT = ['ArrowRight', 'KeyJ'];
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const space = event.code === 'Space', side = LEFT.includes(event.code) ? 0 : RIGHT.includes(event.code) ? 1 : -1;
  if (screen === 'pause' && space && !event.repeat) { event.preventDefault(); next(); return; }
  if (screen !== 'trial' || (!space && side < 0)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (space) begin(); else choose(side, event.timeStamp);
});
document.addEventListener('keyup', event => { if (screen === 'trial' && event.code === 'Space') event.preventDefault(); });
choices.forEach((button, side) => button.addEventListener('click', event => choose(side, event.timeStamp)));
panes.forEach((pane, side) => pane.addEventListener('click', event => choose(side, event.timeStamp)));
$('go').addEventListener('click', begin);
$('stage').addEventListener('click', () => { if (phase === 'ready') window.focus(); });
$('agree').addEventListener('click', () => { state.agreed = 1; save(); instruct(); });
$('start').addEventListener('click', async () => { window.focus(); failures = 0; $('start').disabled = true; await measure(24); $('start').disabled = false; next(); });
$('continue').addEventListener('click', () => next());
$('retry').addEventListener('click', () => next());
const lost = flag => {
  disturbed(flag);
  if (screen === 'trial') {
    state.losses++;
    banner('Please stay on this page until the end. Leaving it is recorded.');
  }
};
window.addEventListener('blur', () => { lost('blur'); hint(); });
window.addEventListener('focus', () => { hint(); setTimeout(() => banner(preview ? PREVIEW : ''), 4000); });
document.addEventListener('visibilitychange', () => { if (document.hidden) lost('hidden'); });
window.addEventListener('resize', () => {
  disturbed('resize');
  fit();
  if (screen === 'refuse' && !refused()) resume();
  else if (['consent', 'instructions'].includes(screen) && refused()) show('refuse');
  else if (screen === 'trial' && phase === 'ready' && refused()) show('refuse');
});

const PREVIEW = 'Preview: accept the task to take part. Nothing is recorded here.';
function instruct() { show('instructions'); measure(60); }
function resume() {
  if (refused()) return show('refuse');
  if (preview || !state.agreed) return show('consent');
  if (state.at || state.open) {
    $('start').textContent = 'Go on';
    if (state.at < places()) $('check').textContent = `Welcome back. ${tell()} comes next.`;
  }
  if (screen === 'refuse' && started()) return next();
  return state.at >= places() ? finish() : instruct();
}
const started = () => gaps.length > 60 && state.at > 0;
(async () => {
  fit();
  paintMasks();
  await load();
  if (preview) { document.body.className = 'preview'; banner(PREVIEW); $('start').disabled = true; $('start').textContent = 'Accept the task to start'; }
  else { pair(order(Math.min(state.at, places() - 1))).catch(() => {}); }
  resume();
})();
})();
