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
const panes = [$('left'), $('right')];
const sides = ['left', 'right'];
const choices = [$('pick-left'), $('pick-right')];

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
// What only this browser needs again may stay `here`, where its storage works.
function save(here = false) {
  if (preview || stopped) return putting;
  const newest = stored();
  if (newest && newest.seq > state.seq) {
    stop('moved');
    return putting;
  }
  state.seq++;
  const text = JSON.stringify(state);
  keep(text);
  if (progress && !(here && storage)) putting = putting.then(() => put(text)).catch(() => {});
  return putting;
}
function put(text) {
  let late = false;
  const request = fetch(progress, {
    method: 'PUT',
    body: text,
    keepalive: text.length < 60000,
    headers: {'Content-Type': 'application/json'},
  });
  const slow = wait(2000).then(() => {
    late = true;
  });
  return Promise.race([slow, request.then(reply => heard(reply, late))]);
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
  // What this page holds is newer where a browser stores nothing and the server refused the last saves.
  state = {...state, ...newerState(state, newerState(mine, kept)), seen: Date.now()};
}
