// One HIT in one page. Times are in ms on performance.now()'s clock; a "frame" is one animation callback.
const $ = id => document.getElementById(id);
const write = (id, text) => {
  $(id).textContent = text;
};
const on = (target, event, call) => target.addEventListener(event, call);
const wait = ms => new Promise(done => setTimeout(done, ms));
const data = JSON.parse($('data').textContent);
const limited = data.e.length > 0;
const trials = unpackTrials(data);
const total = trials.length;
const query = new URLSearchParams(location.search);
const assignment = query.get('assignmentId') || '';
const preview = !assignment || assignment === 'ASSIGNMENT_ID_NOT_AVAILABLE';
const key = `glimpse:${data.s}:${data.h}:${assignment}`;
const panes = [$('left'), $('right')].filter(Boolean);
const sides = ['left', 'right'];
const choices = [...document.querySelectorAll('.pick')];

// ---- Words: `{name}` is a placeholder; of a text with plural forms, `count` picks one.
const plural = new Intl.PluralRules(document.documentElement.lang);
const rightToLeft = document.documentElement.dir === 'rtl';
const apart = value => (rightToLeft && typeof value === 'string' ? `\u2068${value}\u2069` : value);
function word(key, values = {}) {
  const text = data.i[key];
  const form = typeof text === 'string' ? text : text[plural.select(values.count)] || text.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => apart(values[name]));
}

// ---- Where the state is saved: in the browser and, where the address names one, on the server.
let state = freshState();
let storage = null;
try {
  storage = window.localStorage;
  storage.setItem('glimpse', '1');
  storage.removeItem('glimpse');
} catch {
  storage = null;
}
const progress = progressUrl(query.get('progressUrl'));
function progressUrl(path) {
  try {
    const url = new URL(path, location.href);
    const ours = url.origin === location.origin && /^http/.test(url.protocol);
    return path && !preview && ours ? url.href : null;
  } catch {
    return null;
  }
}
// Why this tab does not work now; '' while it does.
let stopped = preview ? '' : 'loading';
let putting = Promise.resolve();
// How many answers the server is known to hold; and the save that waits to be sent with the next one.
let known = 0;
let waiting = 0;
let alarm = 0;
let sending = false;
function stored() {
  try {
    return readState(storage.getItem(key));
  } catch {
    return null;
  }
}
function keep(text) {
  try {
    if (storage) storage.setItem(key, text);
  } catch {
    storage = null;
  }
}
// Where the browser's storage works, the server may learn of a save with the next one, or after so many ms without
// one. What only this browser needs again stays here.
const HERE = Infinity;
const SOON = 3000;
function save(later = 0) {
  if (preview || stopped) return putting;
  const newest = stored();
  if (newest && newest.seq > state.seq) {
    stop('moved');
    return putting;
  }
  state.seq++;
  keep(JSON.stringify(state));
  if (!progress) return putting;
  if (!later || !storage) return tellServer();
  if (later < HERE && !waiting) waiting = setTimeout(tellServer, later);
  return putting;
}
function tellServer() {
  clearTimeout(waiting);
  waiting = 0;
  putting = putting.then(put).catch(() => {});
  return putting;
}
const tellNow = () => waiting && tellServer();
on(document, 'visibilitychange', tellNow);
// A part is what is new: the whole follows where the server does not hold the rest, or knows no parts.
async function request(part) {
  const {length} = state.answers;
  const body = JSON.stringify(part ? changes(state, known) : state);
  const reply = await fetch(progress, {
    method: part ? 'PATCH' : 'PUT',
    body,
    keepalive: body.length < 60000,
    headers: {'Content-Type': 'application/json'},
  });
  if (reply.ok) known = Math.max(known, length);
  if (!part || reply.ok || /40[139]/.test(reply.status)) return reply;
  known = 0;
  return request(false);
}
function put() {
  let late = false;
  const slow = wait(2000).then(() => {
    late = true;
  });
  return Promise.race([slow, request(known > 0).then(reply => heard(reply, late))]);
}
function ended() {
  if (sending) return;
  stop('time');
  put().catch(() => {});
}
// What the server says: how much time is left, or that it takes no more. A refusal that comes late may be of a
// request that a later one has overtaken.
let overhear = () => {};
async function heard(reply, late) {
  overhear(reply.headers);
  const left = reply.headers.get('X-Seconds-Left');
  if (left && left < 2e6) {
    clearTimeout(alarm);
    alarm = setTimeout(ended, 1000 * left);
  }
  // The address is right, as it came from the server: this browser is not the worker's any more.
  if (/40[13]/.test(reply.status) && !sending) stop('out');
  if (reply.status !== 409) return reply;
  const said = await reply.json().catch(() => ({}));
  if (!sending && !(late && said.reason === 'moved')) stop(said.reason, said.error, said.next);
  return reply;
}
const told = () => fetch(progress).then(heard);
function forgetOthers() {
  try {
    for (const name of Object.keys(storage || {})) {
      if (!name.startsWith('glimpse:') || name === key) continue;
      if (outdated(readState(storage.getItem(name)), Date.now())) storage.removeItem(name);
    }
  } catch {
    storage = null;
  }
}
async function load() {
  forgetOthers();
  const mine = stored();
  let kept = null;
  if (progress) {
    const reply = told().then(found => found.text());
    kept = readState(await Promise.race([wait(4000), reply]).catch(() => ''));
  }
  known = kept ? kept.answers.length : 0;
  // What this page holds is newer where a browser stores nothing and the server refused the last saves.
  state = {...state, ...newerState(state, newerState(mine, kept)), seen: Date.now()};
}
