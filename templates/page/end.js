// ---- Breaks, failures, the end
function rest(place) {
  const practice = data.p.length;
  const done = place - practice;
  write('pause-text', word('rest', {done, total: total - practice, count: total - place}));
  state.rested = place;
  save();
  show('pause');
}
let failures = 0;
function failed(index) {
  failures++;
  $('skip').hidden = failures < 3;
  $('skip').onclick = () => {
    state.missing.push(index);
    save();
    failures = 0;
    next();
  };
  show('sorry');
}
// Where the answers may be sent; null without an address, and for one that the study does not allow.
function allowed() {
  let target;
  try {
    target = new URL(query.get('turkSubmitTo') || '');
  } catch {
    return null;
  }
  const known = target.origin !== 'null' && [...data.o, location.origin].includes(target.origin);
  return known ? target.origin + target.pathname.replace(/\/+$/, '') : null;
}
function submission() {
  const page = {
    user_agent: navigator.userAgent,
    viewport: [innerWidth, innerHeight],
    image_size: sized(),
    device_pixel_ratio: devicePixelRatio || 1,
    refresh_hz: hz,
    focus_losses: state.losses,
  };
  if (state.missing.length) page.missing = state.missing.map(index => trials[index].id);
  const body = {schema: data.q ? 2 : 1, study: data.s, hit: data.h, page, answers: state.answers};
  if (typeof state.agreed === 'string') body.consented_at = state.agreed;
  if (state.form) body.form = state.form;
  if (state.comment) body.comment = state.comment;
  return JSON.stringify(body);
}
// Forms before the trials and after them: each shows itself and returns true while it is not filled in.
const before = [];
const after = [];
const due = forms => forms.some(form => form());
function finish() {
  tellNow();
  if (due(after)) return;
  show('done');
  if (allowed()) return;
  const target = query.get('turkSubmitTo');
  $('send').hidden = true;
  $('record').hidden = false;
  const record = () => write('record', submission());
  record();
  on($('form'), 'input', record);
  write('done-text', target ? word('not_allowed', {address: target}) : word('test_run'));
}
// A form that cannot reach its server, or is refused there, would replace this page by an error. Where progress is
// saved, the server says whether it still knows who works here; elsewhere any reply at all will do.
async function reachable(address) {
  let blocked = false;
  const notice = () => {
    blocked = true;
  };
  on(document, 'securitypolicyviolation', notice);
  try {
    const slow = wait(8000).then(() => {
      throw new Error('slow');
    });
    const options = {mode: 'no-cors', cache: 'no-store', credentials: 'omit'};
    await Promise.race([progress ? told() : fetch(address, options), slow]);
    return true;
  } catch {
    await wait(50);
    return blocked;
  } finally {
    document.removeEventListener('securitypolicyviolation', notice);
  }
}
async function awaitServer(address) {
  for (let turn = 0; ; turn++) {
    write('sent', word(turn ? 'away' : 'sending'));
    if (stopped || (await reachable(address))) return;
    await wait(Math.min(20000, 2000 * 1.5 ** turn));
  }
}
function leaveTo(address) {
  $('form').action = address;
  HTMLFormElement.prototype.submit.call($('form'));
}
function send(address) {
  sending = true;
  state.sent = Date.now();
  keep(JSON.stringify(state));
  const form = $('form');
  form.elements.assignmentId.value = assignment;
  form.elements.answers.value = submission();
  leaveTo(address);
  // Still here after a while: the server did not take it. The answers are here; the button works again.
  setTimeout(() => {
    sending = $('send').disabled = false;
    write('sent', word('not_confirmed'));
  }, 15000);
}
on($('form'), 'submit', async event => {
  event.preventDefault();
  const target = allowed();
  if (!target || $('send').disabled) return;
  const address = target + '/mturk/externalSubmit';
  $('send').disabled = true;
  await awaitServer(address);
  await Promise.race([putting, wait(1500)]);
  if (!stopped) return send(address);
  $('send').disabled = false;
  write('sent', '');
});
