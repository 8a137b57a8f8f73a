// ---- Input
const LEFT = ['ArrowLeft', 'KeyF'];
const RIGHT = ['ArrowRight', 'KeyJ'];
const sideOf = code => (LEFT.includes(code) ? 0 : RIGHT.includes(code) ? 1 : null);
on(document, 'keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const space = event.code === 'Space';
  const side = sideOf(event.code);
  if (screen === 'pause' && space && !event.repeat) {
    event.preventDefault();
    next();
    return;
  }
  if (screen !== 'trial' || (space ? choices.includes(event.target) : side === null)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (space) begin();
  else choose(side, event.timeStamp);
});
on(document, 'keyup', event => {
  const ours = screen === 'trial' && event.code === 'Space' && !choices.includes(event.target);
  if (ours) event.preventDefault();
});
choices.forEach((button, side) => on(button, 'click', event => choose(side, event.timeStamp)));
panes.forEach((pane, side) => on(pane, 'click', event => choose(side, event.timeStamp)));
on($('go'), 'click', begin);
on($('stage'), 'click', () => {
  if (phase === 'ready') window.focus();
});
on($('agree'), 'click', () => {
  state.agreed = 1;
  save();
  instruct();
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
  banner('Please stay on this page until the end. We record when you leave it.');
}
on(window, 'blur', () => {
  lost('blur');
  hint();
});
on(window, 'focus', () => {
  hint();
  setTimeout(() => banner(preview ? PREVIEW : ''), 4000);
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
const PREVIEW = 'Preview: accept the task to take part. Nothing is recorded here.';
function instruct() {
  show('instructions');
  measure(60);
}
function resume() {
  if (!preview) pair(order(Math.min(state.at, places() - 1))).catch(() => {});
  if (refused()) return show('refuse');
  if (preview || !state.agreed) return show('consent');
  if (state.at || state.open) {
    write('start', 'Continue');
    if (state.at < places()) write('check', `Welcome back. ${tell()} comes next.`);
  }
  if (screen === 'refuse' && started()) return next();
  return state.at >= places() ? finish() : instruct();
}
const started = () => gaps.length > 60 && state.at > 0;
fit();
paintMasks();
if (preview) {
  document.body.className = 'preview';
  banner(PREVIEW);
  $('start').disabled = true;
  write('start', 'Accept the task to start');
  resume();
} else {
  work(false);
}
