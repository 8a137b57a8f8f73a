// ---- One tab at a time: by a lock where the browser has them, else by asking through the storage.
const WHY = {
  busy: ['This task is open in another tab', ''],
  moved: ['This task was continued elsewhere', 'It goes on in another tab or browser; this one takes no more answers.'],
  time: ['The time is over', 'This task takes no more answers. What the server has received is kept, but does not count for the study. If you can accept the task again, you go on from there.'],
};
const final = () => !/^(loading|busy|moved)?$/.test(stopped);
function stop(reason = 'over', text = 'Go back to the list of tasks to see why.', next = '') {
  if (final() && !next) return;
  stopped = reason;
  if (now) light(now.images, false);
  now = null;
  enter('');
  banner('');
  const [title, words] = WHY[reason] || ['This task takes no more answers', text];
  write('stop-title', title);
  write('stop-text', words);
  $('here').hidden = final();
  $('out').hidden = !next;
  $('out').href = next;
  show('stop');
}
let claims = 0, answered = false;
const bus = 'glimpse-tab:' + key, me = String(Math.random());
const say = word => { try { storage.setItem(bus, word + me); storage.removeItem(bus); } catch {} };
on(window, 'storage', event => {
  const newest = event.key === key && known(event.newValue), word = event.key === bus && event.newValue || '';
  if (newest && !stopped && newest.seq > state.seq) stop('moved');
  if (word.startsWith('ask') && !stopped) say('here');
  if (word.startsWith('here')) answered = true;
});
function alone(steal) {
  const claim = ++claims;
  return new Promise(done => {
    // Taking over needs no word: the save that follows is one.
    const ask = () => { if (steal) return done(); answered = false; say('ask'); setTimeout(() => answered || done(), 400); };
    if (!navigator.locks) return ask();
    navigator.locks.request(key, {steal}, () => { done(); return new Promise(() => {}); }).catch(error => {
      if (error.name !== 'AbortError') ask(); else if (claim === claims) stop('moved');
    });
  });
}
async function work(steal) {
  const slow = steal || setTimeout(() => stop('busy'), 800);
  await alone(steal);
  clearTimeout(slow);
  if (final()) return;
  await load();
  if (final()) return;
  const later = stopped !== 'loading';
  stopped = '';
  if (later) save();
  resume();
}
on($('here'), 'click', () => work(true));
