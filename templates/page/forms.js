// ---- Forms before and after the trials, and the comment at the end. What is entered is kept over a reload.
const WESTERN = /[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g;
// A number in the digits and with the point of JavaScript's own; null for what is none.
function plainNumber(text) {
  const found = text
    .trim()
    .replace(WESTERN, digit => digit.charCodeAt(0) & 15)
    .replace(/[,\u066b]/, '.');
  return /^[-+]?\d+(\.\d+)?$/.test(found) ? found : null;
}
const valueOf = entry => {
  const found = entry.querySelector('input:checked, select, textarea, input[data-number]');
  return found ? found.value.trim() : '';
};
// What is wrong with an entry; '' when nothing is.
function problemOf(entry) {
  const value = valueOf(entry);
  if (!value) return entry.querySelector('[required]') ? word('required') : '';
  return entry.querySelector('[data-number]') && plainNumber(value) === null ? word('number') : '';
}
function judge(entry) {
  const problem = problemOf(entry);
  entry.querySelector('.problem').textContent = problem;
  const asked = entry.querySelectorAll('input, select, textarea');
  for (const one of asked) {
    if (problem) one.setAttribute('aria-invalid', 'true');
    else one.removeAttribute('aria-invalid');
  }
  return problem ? asked[0] : null;
}
function entered(entries) {
  const form = {...state.form};
  for (const entry of entries) {
    const value = valueOf(entry);
    form[entry.dataset.name] = entry.querySelector('[data-number]') ? (plainNumber(value) ?? value) : value;
  }
  return form;
}
function restore(entries) {
  for (const entry of entries) {
    const value = (state.form || {})[entry.dataset.name];
    if (value === undefined) continue;
    for (const one of entry.querySelectorAll('input, select, textarea')) {
      if (one.type === 'radio') one.checked = one.value === value;
      else one.value = value;
    }
  }
}
function setUp(when, list, onward) {
  const form = $('form-' + when);
  if (!form) return;
  const entries = [...form.querySelectorAll('[data-name]')];
  list.push(() => {
    if ((state.filled || {})[when]) return false;
    restore(entries);
    show(when);
    return true;
  });
  on(form, 'change', event => {
    state.form = entered(entries);
    save(SOON);
    const entry = event.target.closest('[data-name]');
    if (entry.querySelector('.problem').textContent) judge(entry);
  });
  on(form, 'submit', event => {
    event.preventDefault();
    const wrong = entries.map(judge).filter(Boolean);
    form.querySelector('[role=alert]').textContent = wrong.length ? word('check') : '';
    if (wrong.length) return wrong[0].focus();
    state.form = entered(entries);
    state.filled = {...state.filled, [when]: 1};
    save();
    onward();
  });
}
setUp('before', before, () => resume());
setUp('after', after, () => finish());
if ($('comment')) {
  let typing = 0;
  after.push(() => {
    $('comment').value = state.comment || '';
    return false;
  });
  on($('comment'), 'input', () => {
    state.comment = $('comment').value;
    clearTimeout(typing);
    typing = setTimeout(save, 500, SOON);
  });
}
