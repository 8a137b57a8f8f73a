// ---- Breaks, failures, the end
function rest(place, scored) {
  const left = total - place;
  write('pause-text', `${scored} of ${total - data.p.length} pairs are done, ${left} ${left === 1 ? 'is' : 'are'} left.`);
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
  write('record', submission());
  write('done-text', query.get('turkSubmitTo') ? `The address to submit to, ${query.get('turkSubmitTo')}, is not one that this study allows. Please send the text below to the requester.` : 'This was a trial run: the page was opened without an address to submit to. This is what it would send:');
}
async function reachable(address) {
  // A form that cannot reach its server would replace this page by an error. Any reply at all will do.
  let blocked = false;
  const notice = () => { blocked = true; };
  on(document, 'securitypolicyviolation', notice);
  try {
    await Promise.race([fetch(address, {mode: 'no-cors', cache: 'no-store', credentials: 'omit'}), wait(8000).then(() => { throw new Error('slow'); })]);
    return true;
  } catch {
    await wait(50);
    return blocked;
  } finally { document.removeEventListener('securitypolicyviolation', notice); }
}
on($('form'), 'submit', async event => {
  event.preventDefault();
  const target = allowed(), address = target + '/mturk/externalSubmit';
  if (!target || $('send').disabled) return;
  $('send').disabled = true;
  for (let turn = 0; ; turn++) {
    write('sent', turn ? 'The server cannot be reached. Your answers are kept on this computer; trying again \u2026' : 'Sending \u2026');
    if (stopped || await reachable(address)) break;
    await wait(Math.min(20000, 2000 * 1.5 ** turn));
  }
  await Promise.race([putting, wait(1500)]);
  if (stopped) { $('send').disabled = false; write('sent', ''); return; }
  sending = true;
  state.sent = Date.now();
  try { if (storage) storage.setItem(key, JSON.stringify(state)); } catch { storage = null; }
  const form = $('form');
  form.action = address;
  form.elements.assignmentId.value = assignment;
  form.elements.answers.value = submission();
  HTMLFormElement.prototype.submit.call(form);
  // Still here after a while: the server did not take it. The answers are here; the button works again.
  setTimeout(() => { sending = $('send').disabled = false; write('sent', 'No confirmation came yet. You can submit again.'); }, 15000);
});
