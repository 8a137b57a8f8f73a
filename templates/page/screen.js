// ---- Screens
let screen = '';
const sections = [...document.querySelectorAll('main > section')];
function show(name) {
  if (screen === name || (stopped && name !== 'stop')) return;
  screen = name;
  for (const section of sections) section.hidden = section.id !== name;
  ($(name + '-title') || $(name)).focus({preventScroll: true});
  window.scrollTo(0, 0);
}
function banner(text) {
  write('banner', text);
  $('banner').hidden = !text;
}
const visible = (element, on) => element.classList.toggle('off', !on);

// ---- Size: in limited time everybody sees the same number of CSS pixels, unless the study says how far images may
// shrink to fit; in unlimited time they do.
const least = data.l || (limited ? 1 : 0.3);
const besides = 250 + (data.v || 0);
const abreast = panes.length;
const space = () => [innerWidth - 48 - 60, innerHeight - besides];
const scale = () => Math.min(1, space()[0] / abreast / data.w, space()[1] / data.H);
function phone() {
  if (!limited) return false;
  const finger = matchMedia('(pointer: coarse)').matches && !matchMedia('(any-pointer: fine)').matches;
  return finger && Math.min(window.screen.width, window.screen.height) < 700;
}
const sized = () => [data.w, data.H].map(side => Math.round(side * Math.max(least, scale())));
function fit() {
  sized().forEach((side, i) => document.documentElement.style.setProperty(i ? '--h' : '--w', side + 'px'));
  if (!data.v) return;
  document.documentElement.style.setProperty('--context', (data.y || 0) + 'px');
  document.documentElement.style.setProperty('--lines', data.g || 1);
}
function refuse(title, text, size) {
  write('refuse-title', title);
  write('refuse-text', text);
  write('refuse-size', size);
  return true;
}
function refused() {
  if (phone()) {
    return refuse(word('computer_title'), word('computer'), '');
  }
  if (scale() >= least) return false;
  const size = word('small_size', {
    width: innerWidth,
    height: innerHeight,
    least_width: Math.ceil(data.w * abreast * least + 108),
    least_height: Math.ceil(data.H * least + besides),
  });
  return refuse(word('small_title'), word('small'), size);
}
let whole = true;
if (window.IntersectionObserver) {
  const watch = found => {
    whole = found[found.length - 1].intersectionRatio > 0.98;
  };
  new IntersectionObserver(watch, {threshold: [0, 0.5, 0.98, 1]}).observe($('stage'));
}

// ---- The screen's refresh rate, and its period P in ms.
const gaps = [];
let hz = 60;
let P = 1000 / 60;
function learn(gap) {
  if (!isGap(gap)) return;
  gaps.push(gap);
  if (gaps.length > 240) gaps.shift();
  hz = refreshRate(gaps) || hz;
  P = 1000 / hz;
}
function measure(frames) {
  return new Promise(done => {
    let last = 0;
    let left = frames;
    const step = ts => {
      if (last) learn(ts - last);
      last = ts;
      if (left-- > 0) requestAnimationFrame(step);
      else done();
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
    const note = entry => {
      shownAt[entry.identifier] = entry.presentationTime || entry.renderTime || entry.startTime;
    };
    const observer = new PerformanceObserver(list =>
      list
        .getEntries()
        .filter(e => e.identifier)
        .forEach(note),
    );
    observer.observe({type: 'element', buffered: false});
    audits = true;
  }
} catch {
  audits = false;
}
let marks = 0;
function mark() {
  if (!audits) return '';
  const element = document.createElement('p');
  const name = 'm' + ++marks;
  element.setAttribute('elementtiming', name);
  element.textContent = marks % 10;
  $('mark').replaceChildren(element);
  return name;
}
