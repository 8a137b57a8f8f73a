// One HIT in one page. Times are in ms on performance.now()'s clock; a "frame" is one animation callback.
const $ = id => document.getElementById(id);
const write = (id, text) => { $(id).textContent = text; };
const on = (target, event, call) => target.addEventListener(event, call);
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
const tenth = ms => ms === null ? null : Math.round(ms * 10) / 10;

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
let progress = null;
const path = query.get('progressUrl');
try { const url = new URL(path, location.href); if (path && !preview && url.origin === location.origin && /^http/.test(url.protocol)) progress = url.href; } catch {}
// Why this tab does not work now; '' while it does.
let stopped = preview ? '' : 'loading';
let putting = Promise.resolve(), alarm = 0, sending = false;
function stored() {
  try { return known(storage.getItem(key)); } catch { return null; }
}
function save() {
  if (preview || stopped) return putting;
  const newest = stored();
  if (newest && newest.seq > state.seq) { stop('moved'); return putting; }
  state.seq++;
  const text = JSON.stringify(state);
  try { if (storage) storage.setItem(key, text); } catch { storage = null; }
  if (progress) putting = putting.then(() => put(text)).catch(() => {});
  return putting;
}
function put(text) {
  let late = false;
  const request = fetch(progress, {method: 'PUT', body: text, keepalive: text.length < 60000, headers: {'Content-Type': 'application/json'}});
  return Promise.race([wait(2000).then(() => { late = true; }), request.then(reply => heard(reply, late))]);
}
function ended() {
  if (sending) return;
  stop('time');
  put(JSON.stringify(state)).catch(() => {});
}
// What the server says: how much time is left, or that it takes no more. A refusal that comes late may be of a
// request that a later one has overtaken.
async function heard(reply, late) {
  const left = reply.headers.get('X-Seconds-Left');
  if (left && left < 2e6) {
    clearTimeout(alarm);
    alarm = setTimeout(ended, 1000 * left);
  }
  if (reply.status !== 409) return reply;
  const said = await reply.json().catch(() => ({}));
  if (!sending && !(late && said.reason === 'moved')) stop(said.reason, said.error, said.next);
  return reply;
}
function known(text) {
  try { const value = JSON.parse(text); return value && value.v === 1 && Array.isArray(value.answers) && value.seq >= 0 ? value : null; } catch { return null; }
}
async function load() {
  try {
    for (const name of Object.keys(storage || {})) {
      if (!name.startsWith('glimpse:') || name === key) continue;
      const other = known(storage.getItem(name));
      if (!other || other.sent || Date.now() - (other.seen || 0) > 30 * 864e5) storage.removeItem(name);
    }
  } catch { storage = null; }
  let best = stored();
  if (progress) {
    const kept = known(await Promise.race([wait(4000), fetch(progress).then(heard).then(reply => reply.text())]).catch(() => ''));
    // The server takes only what goes on from what it has.
    const onward = best && kept && best.seq > kept.seq && JSON.stringify(best.answers).startsWith(JSON.stringify(kept.answers).slice(0, -1));
    if (kept && !onward) best = kept;
  }
  if (best) state = {...state, ...best};
  state.seen = Date.now();
}
