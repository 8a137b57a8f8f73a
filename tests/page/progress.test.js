import assert from 'node:assert/strict';
import {test} from 'node:test';
import {load, seeded, walk} from './parts.js';

const {changes, continues, freshState, newerState, outdated, readState, withAnswer} = load('progress');

const answer = number => ({trial: `t${number}`, side: 'left', response_ms: 700.5});
const after = (count, changed = {}) => ({
  ...freshState(),
  seq: 2 * count,
  at: count,
  answers: Array.from({length: count}, (_, i) => answer(i)),
  ...changed,
});

test('a state comes back as it was saved', () => {
  for (const state of [
    freshState(),
    after(3, {open: {place: 3, shown: 133.3, flags: ['blur']}, again: [1]}),
  ]) {
    assert.deepEqual(readState(JSON.stringify(state)), state);
  }
});

for (const text of [
  undefined,
  null,
  '',
  'no',
  '{',
  'null',
  '3',
  '[]',
  '{"v": 2, "seq": 1, "answers": []}',
  '{"v": 1, "seq": 1}',
  '{"v": 1, "seq": 1, "answers": {}}',
  '{"v": 1, "answers": []}',
  '{"v": 1, "seq": -1, "answers": []}',
  '{"v": 1, "seq": "x", "answers": []}',
]) {
  test(`${text} is no saved state`, () => assert.equal(readState(text), null));
}

test('an answer moves on by one place and closes the trial', () => {
  const before = after(2, {open: {place: 2}, again: [0], losses: 4});
  const text = JSON.stringify(before);
  const plain = withAnswer(before, answer(2), 2, false);
  assert.deepEqual(plain, {...before, at: 3, open: null, answers: [...before.answers, answer(2)]});
  assert.deepEqual(withAnswer(before, answer(2), 2, true), {...plain, again: [0, 2]});
  assert.equal(JSON.stringify(before), text);
});

test('a part and what the server holds make the whole', () => {
  for (const known of [1, 3, 5]) {
    const {from, answers, ...rest} = changes(after(5), known);
    assert.deepEqual(answers[0], answer(known - 1), 'the last one known shows that both mean the same');
    assert.equal(answers.length, 6 - known);
    const held = after(known).answers;
    assert.deepEqual({...rest, answers: [...held.slice(0, from), ...answers]}, after(5));
  }
});

const changed = after(3, {seq: 9});
changed.answers[1] = {...answer(1), side: 'right'};
for (const [what, later, earlier, expected] of [
  ['more answers', after(3), after(2), true],
  ['the same answers, saved later', after(2, {seq: 9}), after(2), true],
  ['itself', after(2), after(2), false],
  ['fewer answers', after(1, {seq: 9}), after(2), false],
  ['as many saves', after(3, {seq: 4}), after(2), false],
  ['another answer', changed, after(3), false],
  ['an earlier place', after(3, {seq: 9, at: 2}), after(3), false],
  ['the first answer', after(1), freshState(), true],
]) {
  test(`${what}: continues ${expected}`, () => assert.equal(continues(later, earlier), expected));
}

for (const [what, browser, server, expected] of [
  ['only the browser has one', after(2), null, 'browser'],
  ['only the server has one', null, after(2), 'server'],
  ['the browser is further', after(3), after(2), 'browser'],
  ['the server is further', after(2), after(3), 'server'],
  ['the browser has saved more often, but answered less', after(2, {seq: 9}), after(3), 'server'],
  ['the browser has gone another way', changed, after(3), 'server'],
]) {
  test(`${what}: the ${expected}'s counts`, () => {
    assert.equal(newerState(browser, server), expected === 'browser' ? browser : server);
  });
}

test('without any copy there is none', () => assert.equal(newerState(null, null), null));

// Copies that were taken of one assignment at different times, and copies of another course of it.
function copies(seed) {
  const random = seeded(seed);
  const plan = {total: 2 + random(20), practice: 0, chance: random(5)};
  const {states} = walk(random, plan);
  const other = walk(random, plan).states;
  const pick = from => from[random(from.length)];
  return {one: pick(states), two: pick(states), three: pick(states), other: pick(other)};
}
const furthest = (...states) => states.reduce((a, b) => (b.seq > a.seq ? b : a));

test('of copies of one course the furthest counts, whoever has it and in whatever order they meet', () => {
  for (let seed = 0; seed < 400; seed++) {
    const {one, two, three} = copies(seed);
    assert.deepEqual(newerState(one, one), one);
    assert.deepEqual(newerState(one, two), newerState(two, one), `seed ${seed}`);
    assert.deepEqual(newerState(one, two), furthest(one, two), `seed ${seed}`);
    const left = newerState(newerState(one, two), three);
    const right = newerState(one, newerState(two, three));
    assert.deepEqual(left, right, `seed ${seed}`);
    assert.deepEqual(left, furthest(one, two, three), `seed ${seed}`);
  }
});

test('nothing that the server has is ever lost, and meeting it again changes nothing', () => {
  for (let seed = 0; seed < 400; seed++) {
    const {one, other} = copies(seed);
    for (const [browser, server] of [
      [one, other],
      [other, one],
      [one, null],
      [null, other],
    ]) {
      const found = newerState(browser, server);
      assert.ok(found === browser || found === server);
      assert.deepEqual(newerState(found, server), found, `seed ${seed}`);
      if (!server) continue;
      assert.ok(found.seq >= server.seq && found.at >= server.at, `seed ${seed}`);
      assert.deepEqual(found.answers.slice(0, server.answers.length), server.answers, `seed ${seed}`);
    }
  }
});

test('a page that goes on from what counts is further than both copies', () => {
  for (let seed = 0; seed < 200; seed++) {
    const {one, two} = copies(seed);
    const found = newerState(one, two);
    const next = {...withAnswer(found, answer(99), 99, false), seq: found.seq + 1};
    for (const copy of [one, two]) assert.equal(newerState(next, copy), next, `seed ${seed}`);
  }
});

const DAY = 24 * 3600 * 1000;
for (const [what, state, expected] of [
  ['what cannot be read', null, true],
  ['one that was sent', after(2, {sent: 5, seen: 100 * DAY}), true],
  ['one of today', after(2, {seen: 100 * DAY}), false],
  ['one of 29 days ago', after(2, {seen: 71 * DAY}), false],
  ['one of 31 days ago', after(2, {seen: 69 * DAY}), true],
  ['one that was never opened again', after(2), true],
]) {
  test(`outdated: ${what}: ${expected}`, () => assert.equal(outdated(state, 100 * DAY), expected));
}
