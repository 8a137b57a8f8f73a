import assert from 'node:assert/strict';
import {test} from 'node:test';
import {load, seeded} from './parts.js';

const {RATES, framesOf, isGap, refreshRate, tenth} = load('refresh');

const steady = (hz, count = 60) => Array(count).fill(1000 / hz);

for (const [hz, expected] of [
  [60, 60],
  [59.94, 60],
  [61, 60],
  [75, 75],
  [119.88, 120],
  [143.9, 144],
  [239.8, 240],
  [30, 30],
  [33.337, 33.34],
  [200, 200],
]) {
  test(`a screen of ${hz} Hz is taken for ${expected}`, () =>
    assert.equal(refreshRate(steady(hz)), expected));
}

test('fewer than 20 gaps tell nothing', () => {
  assert.equal(refreshRate(steady(60, 19)), null);
  assert.equal(refreshRate(steady(60, 20)), 60);
});

for (const [ms, expected] of [
  [0, false],
  [1.9, false],
  [2, true],
  [16.7, true],
  [60, true],
  [61, false],
]) {
  test(`a gap of ${ms} ms ${expected ? 'counts' : 'is left out'}`, () => assert.equal(isGap(ms), expected));
}

test('every known rate is found in spite of jitter, early callbacks and dropped frames, in any order', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seeded(seed);
    const hz = RATES[random(RATES.length)];
    const gaps = steady(hz, 40 + random(200)).map(gap => {
      const refreshes = [1, 1, 1, 1, 1, 1, 1, 0.5, 2, 3][random(10)];
      return gap * refreshes * (1 + (random(21) - 10) / 2000);
    });
    const before = [...gaps];
    assert.equal(refreshRate(gaps), hz, `seed ${seed}`);
    assert.deepEqual(gaps, before);
    assert.equal(refreshRate([...gaps].reverse()), hz, `seed ${seed}`);
  }
});

for (const [ms, hz, expected] of [
  [125, 60, 8],
  [250, 60, 15],
  [500, 60, 30],
  [1000, 60, 60],
  [8, 60, 1],
  [1, 60, 1],
  [25, 60, 2],
  [125, 144, 18],
  [125, 240, 30],
]) {
  test(`${ms} ms at ${hz} Hz are ${expected} frames`, () => assert.equal(framesOf(ms, hz), expected));
}

test('an exposure is off by half a frame at most, unless it is shorter than one', () => {
  for (const hz of RATES) {
    for (let ms = 1; ms <= 2000; ms++) {
      const frames = framesOf(ms, hz);
      assert.ok(frames >= 1 && Number.isInteger(frames));
      const error = Math.abs(frames - (ms * hz) / 1000);
      assert.ok(error <= 0.5 || (frames === 1 && error < 1), `${ms} ms at ${hz} Hz`);
    }
  }
});

test('times are kept to a tenth of a millisecond, and nothing stays nothing', () => {
  assert.deepEqual([133.349, 0, -0.06, null].map(tenth), [133.3, 0, -0.1, null]);
});
