import assert from 'node:assert/strict';
import {test} from 'node:test';
import {load, seeded, walk} from './parts.js';

const {breakDue, nextPlace, placeCount, placeName, shownAgain, sideOf, trialAt, unpackTrials} =
  load('trials');

const LEFT = 'a'.repeat(20);
const RIGHT = 'b'.repeat(20);

test('a trial is read from its 42 characters', () => {
  const data = {
    t: `${LEFT}${RIGHT}01${RIGHT}${LEFT}12`,
    x: ['.jpg', '.png'],
    e: [125, 8000],
    n: 7,
    d: 4,
    p: 'R',
  };
  assert.deepEqual(unpackTrials(data), [
    {id: 't0007', files: [`${LEFT}.jpg`, `${RIGHT}.png`], text: '', ms: 125, correct: 1},
    {id: 't0008', files: [`${RIGHT}.png`, `${LEFT}.jpg`], text: '', ms: 8000, correct: null},
  ]);
});

test('a trial has the text and the reference image of its context', () => {
  const data = {
    t: `${LEFT}${RIGHT}00`.repeat(3),
    x: ['.png'],
    e: [],
    n: 1,
    d: 1,
    p: '',
    c: [
      ['a red cube', ''],
      ['', 'c.png'],
    ],
    u: [1, 0, -1],
  };
  const found = unpackTrials(data).map(({files, text}) => [files.slice(2), text]);
  assert.deepEqual(found, [
    [['c.png'], ''],
    [[], 'a red cube'],
    [[], ''],
  ]);
});

test('without exposures there is no time limit', () => {
  const [trial] = unpackTrials({t: `${LEFT}${RIGHT}00`, x: ['.png'], e: [], n: 1, d: 2, p: 'L'});
  assert.deepEqual(trial, {
    id: 't01',
    files: [`${LEFT}.png`, `${RIGHT}.png`],
    text: '',
    ms: null,
    correct: 0,
  });
});

test('places are the trials, then those to be shown again', () => {
  const state = {at: 0, again: [2, 0], missing: []};
  assert.equal(placeCount(3, state), 5);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map(place => trialAt(place, 3, state)),
    [0, 1, 2, 2, 0],
  );
});

for (const [at, missing, expected] of [
  [0, [], 0],
  [1, [1], 2],
  [1, [1, 2], 3],
  [3, [0], 4],
  [0, [0, 1, 2], 4],
  [4, [], 4],
]) {
  test(`from place ${at} without trials ${missing} the next place is ${expected}`, () => {
    assert.equal(nextPlace(3, {at, missing, again: [0]}), expected);
  });
}

for (const [place, rested, expected] of [
  [2, 0, false],
  [4, 0, false],
  [5, 0, true],
  [5, 5, false],
  [6, 0, false],
  [8, 5, true],
  [11, 8, false],
]) {
  test(`${expected ? 'a' : 'no'} break before place ${place} when the last was before ${rested}`, () => {
    assert.equal(breakDue(place, 11, 2, 3, rested), expected);
  });
}

test('no breaks where none are planned', () => {
  for (let place = 0; place < 20; place++) assert.equal(breakDue(place, 20, 0, 0, 0), false);
});

for (const [place, expected] of [
  [0, ['practice_place', {place: 1, total: 2}]],
  [2, ['place', {place: 1, total: 5}]],
  [6, ['place', {place: 5, total: 5}]],
  [7, ['again_place', {place: 1, total: 3}]],
]) {
  test(`place ${place} is called ${JSON.stringify(expected)}`, () =>
    assert.deepEqual(placeName(place, 7, 2, 3), expected));
}

for (const [answer, expected] of [
  ['left', -1],
  ['tie', 0],
  ['right', 1],
  [-3, -3],
  [0, 0],
  [2, 2],
]) {
  test(`${answer} is on side ${expected}`, () => assert.equal(sideOf(answer), expected));
}

for (const [flags, changed, expected] of [
  [['blur'], {}, true],
  [['late', 'long'], {}, true],
  [[], {}, false],
  [['blur'], {timed: false}, false],
  [['blur'], {practice: true}, false],
  [['blur'], {repeat: true}, false],
  [['skew'], {full: true}, false],
  [['skew'], {full: false}, true],
  [['blur', 'reload'], {}, false],
]) {
  test(`flags [${flags}] ${JSON.stringify(changed)}: shown again ${expected}`, () => {
    assert.equal(shownAgain(flags, {timed: true, practice: false, repeat: false, ...changed}), expected);
  });
}

test('every trial is shown in order, the disturbed once more at the end, none after its images failed', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed);
    const total = 1 + random(30);
    const plan = {total, practice: random(Math.min(3, total)), chance: random(6)};
    const {state, shown} = walk(random, plan);
    const first = shown.filter(({repeat}) => !repeat).map(({index}) => index);
    const again = shown.filter(({repeat}) => repeat).map(({index}) => index);
    const everything = Array.from({length: total}, (_, index) => index);
    const whole = everything.filter(index => first.includes(index) || !state.missing.includes(index));
    assert.deepEqual(first, whole, `seed ${seed}`);
    const disturbed = shown.filter(
      ({repeat, flags, index}) => !repeat && flags.length && index >= plan.practice,
    );
    const due = disturbed.map(({index}) => index);
    assert.deepEqual(state.again, due, `seed ${seed}`);
    assert.deepEqual(
      again,
      due.filter(index => again.includes(index) || !state.missing.includes(index)),
      `seed ${seed}`,
    );
    assert.equal(state.answers.length, shown.length, `seed ${seed}`);
  }
});

test('breaks come once each, evenly, between scored trials only', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed);
    const practice = random(4);
    const every = 1 + random(12);
    const total = practice + 1 + random(60);
    const breaks = [];
    for (let place = 0, rested = 0; place < total + 5;) {
      if (breakDue(place, total, practice, every, rested)) breaks.push((rested = place));
      else place++;
    }
    const count = Math.ceil((total - practice) / every) - 1;
    const expected = Array.from({length: count}, (_, i) => practice + every * (i + 1));
    assert.deepEqual(breaks, expected, `seed ${seed}`);
  }
});
