// ---- Input
// What a key does on the trial's screen, as a function; null for a key that does nothing there.
const pressed = (button, time) => () => choose(button.dataset.a, time);
const chosenBy = (buttons, code) => buttons.find(({dataset}) => dataset.k.split(' ').includes(code));
let meant = (code, time) => {
  const button = chosenBy(choices, code);
  return button ? pressed(button, time) : null;
};
// A button is pressed by its own key, and a long prompt scrolled.
const itsOwn = ({target, code}) =>
  code === 'Space' ? choices.includes(target) : target.id === 'prompt' && /^Arrow(Up|Down)$/.test(code);
on(document, 'keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const space = event.code === 'Space';
  if (screen === 'pause' && space && !event.repeat) {
    event.preventDefault();
    next();
    return;
  }
  if (screen !== 'trial' || itsOwn(event)) return;
  const act = space ? begin : meant(event.code, event.timeStamp);
  if (!act) return;
  event.preventDefault();
  if (!event.repeat) act();
});
on(document, 'keyup', event => {
  if (screen === 'trial' && event.code === 'Space' && !itsOwn(event)) event.preventDefault();
});
choices.forEach(button => on(button, 'click', event => choose(button.dataset.a, event.timeStamp)));
// The only image of a trial is no answer.
if (abreast > 1) {
  panes.forEach((pane, side) => on(pane, 'click', event => choose(sides[side], event.timeStamp)));
}
on($('go'), 'click', begin);
on($('stage'), 'click', () => {
  if (phase === 'ready') window.focus();
});
on($('agree'), 'click', () => {
  state.agreed = new Date().toISOString();
  save();
  if (preview || !due(before)) instruct();
});
// Our server gives the place back and shows the way out; elsewhere the person returns the task.
on($('decline'), 'click', () => {
  if (!progress) return stop('declined');
  $('form').target = '_top';
  leaveTo(progress.replace(/progress$/, 'decline'));
});
on($('start'), 'click', async () => {
  window.focus();
  failures = 0;
  $('start').disabled = true;
  await measure(24);
  $('start').disabled = false;
  next();
});
on($('continue'), 'click', () => next());
on($('retry'), 'click', () => next());
function lost(flag) {
  disturbed(flag);
  if (screen !== 'trial') return;
  state.losses++;
  banner(word('stay'));
}
on(window, 'blur', () => {
  lost('blur');
  hint();
});
on(window, 'focus', () => {
  hint();
  setTimeout(() => banner(preview ? word('preview') : ''), 4000);
});
on(document, 'visibilitychange', () => {
  if (document.hidden) lost('hidden');
});
on(window, 'resize', () => {
  disturbed('resize');
  fit();
  const small = refused();
  if (screen === 'refuse' && !small) resume();
  else if (['consent', 'instructions'].includes(screen) && small) show('refuse');
  else if (screen === 'trial' && phase === 'ready' && small) show('refuse');
});

// ---- The start
function instruct() {
  show('instructions');
  measure(60);
}
function resume() {
  if (!preview) pair(order(Math.min(state.at, places() - 1))).catch(() => {});
  if (refused()) return show('refuse');
  if (preview || !state.agreed) return show('consent');
  if (due(before)) return;
  if (state.at || state.open) {
    write('start', word('continue'));
    if (state.at < places()) write('check', word('welcome_back', {place: tell()}));
  }
  if (screen === 'refuse' && started()) return next();
  return state.at >= places() ? finish() : instruct();
}
const started = () => gaps.length > 60 && state.at > 0;
