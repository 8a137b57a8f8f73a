// What the server's own pages do in the browser. Everything works without it but the countdown.
'use strict';

const $ = selector => document.querySelector(selector);

// After a submission inside the frame, the whole window goes on. A page without an origin may not do that: there the
// window around it asks the server.
const leaving = $('[data-leave]');
if (leaving && window.origin !== 'null') {
  try {
    window.top.location.replace(leaving.dataset.leave);
  } catch {
    window.location.replace(leaving.dataset.leave);
  }
}

// A frame with a height of its own; 0 fills the window.
for (const frame of document.querySelectorAll('iframe[data-height]')) {
  const height = Number(frame.dataset.height);
  if (height > 0) frame.style.height = `max(100%, ${height}px)`;
}

// Time left, by this browser's monotonic clock; and whether the assignment has ended meanwhile.
const countdown = $('#countdown');
if (countdown) {
  const until = seconds => performance.now() + 1000 * Number(seconds);
  let end = until(countdown.dataset.seconds);
  const leave = () => window.location.replace(countdown.dataset.done);
  const check = async () => {
    try {
      const answer = await fetch(countdown.dataset.state, {cache: 'no-store'});
      if (!answer.ok) return;
      const now = await answer.json();
      if (now.status !== 'Accepted') leave();
      else end = until(now.seconds_left);
    } catch {
      /* The server is away; the page inside keeps the answers. */
    }
  };
  const show = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const two = number => String(number).padStart(2, '0');
    countdown.textContent = (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(seconds)}`;
    countdown.classList.toggle('soon', left < 60);
    // What would be answered now is not taken any more.
    $('#work').hidden = left === 0;
    $('#over').hidden = left > 0;
    if (left === 0) check();
  };
  // The page inside went somewhere: perhaps it has submitted.
  $('#work').addEventListener('load', check);
  document.addEventListener('securitypolicyviolation', event => {
    if (event.effectiveDirective !== 'frame-src') return;
    $('#blocked b').textContent = event.blockedURI;
    $('#blocked').hidden = false;
    fetch($('#blocked').dataset.tell, {method: 'POST', body: event.blockedURI}).catch(() => {});
  });
  show();
  setInterval(show, 1000);
  setInterval(check, 15000);
}

for (const form of document.querySelectorAll('form[data-confirm]')) {
  form.addEventListener('submit', event => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = button.dataset.copied || 'Copied';
    } catch {
      window.getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    }
  });
}

// Too small a window: say so, and let the person begin once it is large enough.
const screened = $('[data-min-width]');
if (screened) {
  const begin = $('#begin');
  const phone =
    begin.disabled ||
    (screened.dataset.phones !== '1' && window.matchMedia('(pointer: coarse) and (hover: none)').matches);
  const look = () => {
    const small =
      window.innerWidth < Number(screened.dataset.minWidth) ||
      window.innerHeight < Number(screened.dataset.minHeight);
    $('#screen').hidden = !(phone || small);
    begin.disabled = phone || small;
  };
  look();
  window.addEventListener('resize', look);
}

const follow = $('[data-follow]');
if (follow) setTimeout(() => window.location.assign(follow.href), 1000 * Number(follow.dataset.follow));

// The dashboard's counts, every few seconds while somebody looks.
const live = $('[data-refresh]');
if (live) {
  let seen = '';
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const headers = {'If-None-Match': seen};
      const answer = await fetch(live.dataset.refresh, {cache: 'no-store', headers});
      if (!answer.ok) return;
      live.innerHTML = await answer.text();
      seen = answer.headers.get('ETag');
    } catch {
      /* Shown again when the server is back. */
    }
  }, 5000);
}
