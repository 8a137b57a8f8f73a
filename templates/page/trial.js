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
  write('count', words);
  $('bar').max = places(); $('bar').value = place;
  return words;
}
async function next() {
  now = null;
  if (stopped) return;
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
  const slow = setTimeout(() => { write('note', 'Loading the images \u2026'); }, 700);
  try { images = await prepare(place); } catch { if (screen === 'trial') failed(index); return; } finally { clearTimeout(slow); }
  if (screen !== 'trial' || state.at !== place || now) return;
  write('note', '');
  ahead(place);
  now = {index, place, images, flags: [], shown: null, frames: null, onset: null, from: null, marks: []};
  const begun = state.open && state.open.place === place ? state.open : null;
  if (begun && limited) return recover(begun);
  if (begun) now.flags.push('reload');
  if (limited) enter('ready');
  if (document.activeElement !== $('go')) $('trial').focus({preventScroll: true});
  if (limited) hint(); else begin();
}
function recover(begun) {
  // The pair was shown before the page was closed: it is asked for, not shown again.
  Object.assign(now, {flags: [...(begun.flags || []), 'reload'], shown: begun.shown ?? null, frames: begun.frames ?? null, onset: begun.onset ?? null, from: performance.now()});
  light(masks, true);
  enter('answer');
  write('note', 'You have seen this pair before the page was closed. Which one was it?');
}
const hint = () => { if (phase === 'ready') write('note', document.hasFocus() ? '' : 'Click here first, so that the keys work.'); };

async function begin() {
  if (!now || now.begun || (limited && phase !== 'ready')) return;
  if (refused()) { show('refuse'); return; }
  if (!whole) {
    $('stage').scrollIntoView({block: 'center'});
    await wait(150);
    if (!whole && limited) { write('note', 'Scroll so that both frames are fully on the screen.'); return; }
  }
  if (!now || now.begun) return;
  const trial = now;
  trial.begun = true;
  write('note', '');
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
  const record = {trial: id, side: sides[side], response_ms: tenth(response), shown_ms: tenth(trial.shown), frames: trial.frames, onset_ms: tenth(trial.onset)};
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
  write('note', correct === side ? 'Yes, that was the photograph.' : `The photograph was on the ${sides[correct]}.`);
  setTimeout(() => { write('note', ''); leave(); }, 1600);
}
