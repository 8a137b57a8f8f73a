// ---- Screens
let screen = '';
const ids = ['loading', 'refuse', 'consent', 'instructions', 'trial', 'pause', 'sorry', 'done', 'stop'];
function show(name) {
  if (screen === name || (stopped && name !== 'stop')) return;
  screen = name;
  for (const id of ids) $(id).hidden = id !== name;
  ($(name + '-title') || $(name)).focus({preventScroll: true});
  window.scrollTo(0, 0);
}
function banner(text) { write('banner', text); $('banner').hidden = !text; }
const visible = (element, on) => element.classList.toggle('off', !on);

// ---- Size: in limited time everybody sees the same number of CSS pixels; in unlimited time images shrink to fit.
const room = () => [innerWidth - 48 - 60, innerHeight - 250];
const scale = () => Math.min(1, room()[0] / 2 / data.w, room()[1] / data.H);
const phone = () => limited && (matchMedia('(pointer: coarse)').matches && !matchMedia('(any-pointer: fine)').matches && Math.min(window.screen.width, window.screen.height) < 700);
function fit() {
  const factor = limited ? 1 : Math.max(.3, scale());
  document.documentElement.style.setProperty('--w', Math.round(data.w * factor) + 'px');
  document.documentElement.style.setProperty('--h', Math.round(data.H * factor) + 'px');
}
function refused() {
  if (phone()) {
    write('refuse-title', 'Please use a computer for this study');
    write('refuse-text', 'Images are shown for exact fractions of a second and at one size, which phones cannot do reliably. Open this task on a laptop or desktop computer; nothing is lost by leaving now.');
    write('refuse-size', '');
    return true;
  }
  const needed = limited ? 1 : .3;
  if (scale() >= needed) return false;
  write('refuse-title', 'The window is too small');
  write('refuse-text', 'Both images must fit side by side' + (limited ? ' in their full size' : '') + '. Enlarge the window, turn the device, or zoom out with Ctrl and \u2212; this page goes on by itself as soon as there is room.');
  write('refuse-size', `It is ${innerWidth} \u00d7 ${innerHeight}; needed are ${Math.ceil(data.w * 2 * needed + 108)} \u00d7 ${Math.ceil(data.H * needed + 250)}.`);
  return true;
}
let whole = true;
if (window.IntersectionObserver) new IntersectionObserver(seen => { whole = seen[seen.length - 1].intersectionRatio > .98; }, {threshold: [0, .5, .98, 1]}).observe($('stage'));

// ---- The screen's refresh period P, from the gaps between animation callbacks, snapped to a known rate.
const gaps = [];
let hz = 60, P = 1000 / 60;
function learn(gap) {
  if (gap < 2 || gap > 60) return;
  gaps.push(gap);
  if (gaps.length > 240) gaps.shift();
  if (gaps.length < 20) return;
  const sorted = [...gaps].sort((a, b) => a - b), rate = 1000 / sorted[sorted.length >> 1];
  const near = RATES.reduce((a, b) => Math.abs(b - rate) < Math.abs(a - rate) ? b : a);
  hz = Math.abs(near / rate - 1) < .06 ? near : Math.round(rate * 100) / 100;
  P = 1000 / hz;
}
function measure(frames) {
  return new Promise(done => {
    let last = 0, left = frames;
    const step = ts => {
      if (last) learn(ts - last);
      last = ts;
      if (left-- > 0) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
    setTimeout(done, frames * 100);
  });
}

// ---- Element Timing: when the marks that go out with onset and offset were presented.
const shownAt = {};
let audits = false;
try {
  if (PerformanceObserver.supportedEntryTypes.includes('element')) {
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) if (entry.identifier) shownAt[entry.identifier] = entry.presentationTime || entry.renderTime || entry.startTime;
    }).observe({type: 'element', buffered: false});
    audits = true;
  }
} catch { audits = false; }
let marks = 0;
function mark() {
  if (!audits) return '';
  const element = document.createElement('p'), name = 'm' + ++marks;
  element.setAttribute('elementtiming', name);
  element.textContent = marks % 10;
  $('mark').replaceChildren(element);
  return name;
}
