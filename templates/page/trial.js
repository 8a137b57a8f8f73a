// ---- A trial: ready -> fixation -> exposure -> answer. `now` is null between trials. Where a context is read first,
// the trial is ready until it was.
const WARM = 12;
let now = null;
let phase = '';
const waits = limited || !!data.z;
// What only some studies need: to show a trial's context, or hide it where it is read first (context.js); to ask
// the trial's question, and the answers to earlier ones (several.js).
let beside = () => {};
let ask = () => 0;
let given = () => ({});
let settle = (side, response_ms) => complete({side, response_ms}, side);
// And of clips (clips.js): whether nobody could look at a disturbed pair again, and how many are shown again; to take
// answers from the onset on, or later; what a record says of how they played.
let oneLook = limited;
let mostAgain = Infinity;
let admit = () => enter('answer');
let watched = () => ({});
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
  const words = word(...placeName(state.at, total, data.p.length, state.again.length));
  write('count', words);
  $('bar').max = places();
  $('bar').value = state.at;
  return words;
}
async function next() {
  now = null;
  if (stopped) return;
  state.at = nextPlace(total, state);
  if (state.at >= places()) return finish();
  if (refused()) return show('refuse');
  const place = state.at;
  if (breakDue(place, total, data.p.length, data.k, state.rested)) return rest(place);
  tell();
  light(masks, false);
  enter('');
  visible($('ready'), waits);
  show('trial');
  const images = await arrived(place);
  if (!images || screen !== 'trial' || state.at !== place || now) return;
  write('note', '');
  ahead(place);
  meet(place, images);
}
// The images of a place, when they are here; null when they failed, which the page then says.
async function arrived(place) {
  const slow = setTimeout(() => $('note').className || write('note', word('loading')), 700);
  try {
    return await prepare(place);
  } catch {
    if (screen === 'trial') failed(order(place));
    return null;
  } finally {
    clearTimeout(slow);
  }
}
function meet(place, images) {
  const times = {shown: null, frames: null, onset: null, from: null};
  const begun = state.open && state.open.place === place ? state.open : null;
  now = {index: order(place), place, images: images.slice(0, 2), flags: [], marks: [], ...times};
  beside(images[2], trials[now.index].text);
  const asked = ask(begun);
  if (begun && limited) return recover(begun, asked);
  if (begun) now.flags.push('reload');
  if (waits) enter('ready');
  if (document.activeElement !== $('go')) $('trial').focus({preventScroll: true});
  if (waits) hint();
  else begin();
}
// The pair was shown before the page was closed: it is asked for, not shown again.
function recover(begun, asked) {
  now.flags = [...(begun.flags || []), 'reload'];
  now.shown = begun.shown ?? null;
  now.frames = begun.frames ?? null;
  now.onset = begun.onset ?? null;
  now.from = performance.now();
  light(masks, true);
  beside();
  enter('answer');
  write('note', word('recovered', {question: data.a[asked]}));
}
function hint() {
  if (phase !== 'ready') return;
  write('note', document.hasFocus() ? '' : word('click_here'));
}

async function begin() {
  if (!now || now.begun || (waits && phase !== 'ready')) return;
  if (refused()) return show('refuse');
  if (!whole && !(await scrolled())) return;
  if (!now || now.begun) return;
  const trial = now;
  trial.begun = true;
  write('note', '');
  enter('fixation');
  beside();
  // Written before the onset: whatever happens then, there is no second look.
  state.open = {place: trial.place, ...given(trial)};
  const saved = save();
  if (!storage && progress) await saved;
  expose(trial);
}
async function scrolled() {
  $('stage').scrollIntoView({block: 'center'});
  await wait(150);
  if (whole || !limited) return true;
  write('note', word('scroll'));
  return false;
}
// Callback after callback: the fixation, until the screen has come to run steadily; the images; the mask.
function expose(trial) {
  const fixation = limited ? data.f : 250;
  const began = performance.now();
  let last = 0;
  let frames = 0;
  let steady = 0;
  const due = waited =>
    frames >= WARM && waited >= fixation && !document.hidden && (steady >= 3 || waited >= fixation + 1500);
  const step = ts => {
    if (now !== trial) return;
    const gap = last ? ts - last : 0;
    last = ts;
    if (trial.onset === null) {
      frames++;
      if (gap) learn(gap);
      steady = gap && gap < 1.5 * P ? steady + 1 : 0;
      if (due(ts - began) && reveal(trial, ts)) return;
    } else {
      if (!trial.second && gap > 1.5 * trial.budget) trial.flags.push('late');
      trial.second = true;
      if (ts - trial.onset >= (trial.count - 0.5) * trial.budget) return cover(trial, ts);
    }
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
// Shows the images; true when they stay until the answer.
function reveal(trial, ts) {
  const {ms} = trials[trial.index];
  light(trial.images, true);
  trial.marks.push(mark());
  trial.onset = ts;
  trial.budget = P;
  if (ms !== null) {
    trial.count = framesOf(ms, hz);
    return false;
  }
  trial.from = ts;
  admit(trial);
  return true;
}
function cover(trial, ts) {
  light(trial.images, false);
  light(masks, true);
  trial.marks.push(mark());
  trial.shown = ts - trial.onset;
  trial.frames = Math.round(trial.shown / trial.budget);
  trial.nominal = trial.count * trial.budget;
  trial.from = ts;
  if (trial.frames > trial.count) trial.flags.push('long');
  const {place, frames, flags} = trial;
  state.open = {place, shown: tenth(trial.shown), frames, onset: tenth(trial.onset), flags};
  enter('answer');
  setTimeout(save, 0, HERE);
}
function disturbed(flag) {
  const exposed = limited && now && phase === 'fixation' && now.onset !== null;
  if (exposed && !now.flags.includes(flag)) now.flags.push(flag);
}
function audit(trial) {
  const [shown, hidden] = trial.marks.map(name => shownAt[name]);
  if (!shown || !hidden || trial.nominal === undefined) return null;
  if (Math.abs(hidden - shown - trial.nominal) > trial.budget * 1.05) trial.flags.push('audit');
  return hidden - shown;
}
function recordOf(trial, answers) {
  const seen = watched(trial);
  const record = {
    trial: trials[trial.index].id,
    ...answers,
    shown_ms: tenth(trial.shown),
    frames: trial.frames,
    onset_ms: tenth(trial.onset),
  };
  const presented = audit(trial);
  if (presented !== null) record.presented_ms = tenth(presented);
  if (limited && trial.budget && Math.abs(trial.budget - P) > 0.01) {
    record.period_ms = Math.round(trial.budget * 1000) / 1000;
  }
  if (trial.flags.length) record.flags = trial.flags;
  if (trial.place >= total) record.repeat = 1;
  return Object.assign(record, seen);
}
function choose(answer, time) {
  if (phase !== 'answer' || !now) return;
  const response = time - now.from;
  if (response >= 0 && (limited || response >= 120)) settle(answer, tenth(response));
}
// Ends a trial by its answers; `judged` is the one that a practice trial is about.
function complete(answers, judged) {
  const trial = now;
  const {correct} = trials[trial.index];
  const record = recordOf(trial, answers);
  const again = shownAgain(trial.flags, {
    timed: oneLook,
    practice: correct !== null,
    repeat: !!record.repeat,
    full: state.again.length >= mostAgain,
  });
  state = withAnswer(state, record, trial.index, again);
  save(SOON);
  now = null;
  enter('');
  const leave = () => {
    light(trial.images, false);
    retire(trial.index);
    next();
  };
  if (correct === null) return leave();
  const said = data.r[correct][sideOf(judged) * (correct - 0.5) > 0 ? 0 : 1];
  write('note', said);
  $('note').className = 'told';
  setTimeout(
    () => {
      write('note', '');
      $('note').className = '';
      leave();
    },
    Math.max(1600, 45 * said.length),
  );
}
