// The pure parts of the page's script, each by itself; and a random generator of the tests' own, with a seed.
import {readFileSync} from 'node:fs';
import vm from 'node:vm';

export function load(part) {
  const source = readFileSync(new URL(`../../templates/page/${part}.js`, import.meta.url), 'utf8');
  const names = [...source.matchAll(/^(?:const|function) (\w+)/gm)].map(found => found[1]);
  const text = `'use strict'; ${source}\nreturn {${names.join(', ')}};`;
  return vm.compileFunction(text, [], {filename: `${part}.js`})();
}

// Mulberry32: integers from 0 up to, but not including, `below`.
export function seeded(seed) {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const {freshState, readState, withAnswer} = load('progress');
const {nextPlace, placeCount, shownAgain, trialAt} = load('trials');

// Walk through a HIT as the page does: `chance` in 10 that an exposure is disturbed, that images fail, that the
// page is closed and opened. Returns the final state, what was shown, and the state after every step.
export function walk(random, {total, practice, chance}) {
  const happens = () => random(10) < chance;
  const shown = [];
  const states = [];
  let state = freshState();
  while ((state = {...state, at: nextPlace(total, state)}).at < placeCount(total, state)) {
    const index = trialAt(state.at, total, state);
    const repeat = state.at >= total;
    if (happens()) {
      state = {...state, missing: [...state.missing, index]};
    } else {
      const flags = happens() ? ['blur'] : [];
      const again = shownAgain(flags, {timed: true, practice: index < practice, repeat});
      shown.push({index, repeat, flags});
      state = withAnswer(state, {trial: index, side: ['left', 'right'][random(2)], repeat}, index, again);
    }
    state.seq++;
    if (happens()) state = readState(JSON.stringify(state));
    states.push(state);
  }
  return {state, shown, states};
}
