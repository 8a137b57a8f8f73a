// ---- One tab at a time: by a lock where the browser has them, else by asking through the storage.
const WHY = ['busy', 'moved', 'declined', 'out', 'time'];
const final = () => !/^(loading|busy|moved|out)?$/.test(stopped);
function stop(reason = 'over', text = word('over'), next = '') {
  if (final() && !next) return;
  stopped = reason;
  if (now) light(now.images, false);
  now = null;
  enter('');
  banner('');
  const known = WHY.includes(reason);
  write('stop-title', word(known ? reason + '_title' : 'over_title'));
  write('stop-text', known ? word(reason) : text);
  $('here').hidden = final();
  $('out').hidden = !next;
  $('out').href = next;
  show('stop');
}
let claims = 0;
let answered = false;
const bus = 'glimpse-tab:' + key;
const me = String(Math.random());
function say(word) {
  try {
    storage.setItem(bus, word + me);
    storage.removeItem(bus);
  } catch {
    // Without storage there is nobody to hear it.
  }
}
on(window, 'storage', event => {
  const newest = event.key === key && readState(event.newValue);
  const word = (event.key === bus && event.newValue) || '';
  if (newest && !stopped && newest.seq > state.seq) stop('moved');
  if (word.startsWith('ask') && !stopped) say('here');
  if (word.startsWith('here')) answered = true;
});
// Comes true once no other tab works on this assignment, or at once when it is taken over from one.
function alone(steal) {
  const claim = ++claims;
  return new Promise(done => {
    const ask = () => {
      // Taking over needs no word: the save that follows is one.
      if (steal) return done();
      answered = false;
      say('ask');
      setTimeout(() => answered || done(), 400);
    };
    if (!navigator.locks) return ask();
    const hold = () => {
      done();
      return new Promise(() => {});
    };
    navigator.locks.request(key, {steal}, hold).catch(error => {
      if (error.name !== 'AbortError') ask();
      else if (claim === claims) stop('moved');
    });
  });
}
async function work(steal) {
  const slow = steal || setTimeout(() => stop('busy'), 800);
  await alone(steal);
  clearTimeout(slow);
  if (final()) return;
  const later = stopped !== 'loading';
  stopped = 'loading';
  await load();
  if (stopped !== 'loading') return;
  stopped = '';
  if (later) save();
  resume();
}
on($('here'), 'click', () => work(true));
