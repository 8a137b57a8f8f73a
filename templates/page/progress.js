// What survives a reload, and which of two copies counts. Pure, as trials.js.

// `seq` grows with every save; `at` is the place of the next trial; `open` is the trial that was begun and not
// answered; `again` and `missing` hold indices of trials: to be shown once more, and without images.
const freshState = () => ({
  v: 1,
  seq: 0,
  agreed: 0,
  at: 0,
  again: [],
  answers: [],
  open: null,
  missing: [],
  losses: 0,
  rested: 0,
  sent: 0,
});
// A saved state from its text; null for anything else.
function readState(text) {
  try {
    const value = JSON.parse(text);
    return value && value.v === 1 && Array.isArray(value.answers) && value.seq >= 0 ? value : null;
  } catch {
    return null;
  }
}
// Whether `later` was saved after `earlier`, is as far, and holds all its answers unchanged: what the server asks of
// progress before it takes it.
function continues(later, earlier) {
  const same = (answer, i) => JSON.stringify(answer) === JSON.stringify(later.answers[i]);
  const onward = later.seq > earlier.seq && (later.at || 0) >= (earlier.at || 0);
  return onward && earlier.answers.every(same);
}
// The state for a server that holds the first `known` answers: what came since, and the last known one, by which it
// checks that they are the same.
function changes(state, known) {
  const from = known - 1;
  return {...state, from, answers: state.answers.slice(from)};
}
// The state to go on from: the browser's if it continues the server's, else the server's.
function newerState(browser, server) {
  if (!browser || !server) return browser || server;
  return continues(browser, server) ? browser : server;
}
// Whether another assignment's state may be removed from the browser: sent, or untouched for 30 days.
const outdated = (state, now) => !state || !!state.sent || now - (state.seen || 0) > 30 * 864e5;
// The state after an answer to the trial `index`.
function withAnswer(state, record, index, again) {
  return {
    ...state,
    answers: [...state.answers, record],
    again: again ? [...state.again, index] : state.again,
    at: state.at + 1,
    open: null,
  };
}
