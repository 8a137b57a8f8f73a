// ---- Several questions a trial, one after the other, ties, and scales.
const groups = [...document.querySelectorAll('.answers')].map(element => ({
  element,
  text: element.getAttribute('aria-label'),
  buttons: [...element.querySelectorAll('button')],
  scale: element.classList.contains('scale'),
}));
const asking = () => groups[now ? now.asked : 0] || groups[0];
// Puts the question on the page that comes next of a trial; returns its number. `begun` is what was kept of it.
ask = begun => {
  if (now.asked === undefined) {
    const kept = {choices: {}, response_ms: {}, ...begun};
    Object.assign(now, {choices: {...kept.choices}, response_ms: {...kept.response_ms}});
    now.asked = Object.keys(now.choices).length;
  }
  const {element, text, scale} = asking();
  for (const group of groups) group.element.hidden = group.element !== element;
  $('stage').classList.toggle('rated', scale);
  write('ask', text);
  $('trial').setAttribute('aria-label', text);
  if (groups.length > 1) {
    write(
      'count',
      `${tell()} \u00b7 ${word('question_place', {place: now.asked + 1, total: groups.length})}`,
    );
  }
  return now.asked;
};
given = ({asked, choices: chosen, response_ms}) => (asked ? {choices: chosen, response_ms} : {});
settle = (answer, ms) => {
  const {scale} = asking();
  // A second press that was meant for the question before; and an image says nothing on a scale.
  if ((now.asked && ms < 120) || (scale && sides.includes(answer))) return;
  const name = data.q[now.asked++];
  now.choices[name] = scale ? +answer : answer;
  now.response_ms[name] = ms;
  if (now.asked === groups.length) {
    complete(given(now), now.choices[data.q[data.j]]);
    return;
  }
  state.open = {...state.open, ...given(now)};
  save(SOON);
  write('note', '');
  ask();
  $('trial').focus({preventScroll: true});
  now.from = performance.now();
};
// On a scale the arrows go from button to button, at first from the middle.
function walk(buttons, step) {
  const last = buttons.length - 1;
  const at = buttons.indexOf(document.activeElement);
  // Without a middle, the first step goes to either side of it.
  const to = at < 0 ? last / 2 + (last % 2 ? step / 2 : step) : at + step;
  buttons[Math.max(0, Math.min(last, to))].focus({preventScroll: true});
}
meant = (code, time) => {
  const {buttons, scale} = asking();
  const step = {ArrowLeft: -1, ArrowRight: 1}[code];
  if (scale && step) return () => walk(buttons, step);
  const button = chosenBy(buttons, code);
  return button ? pressed(button, time) : null;
};
