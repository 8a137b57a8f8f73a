// The screen's refresh rate, from the gaps between animation callbacks. Pure, as trials.js.

const RATES = [50, 60, 72, 75, 90, 100, 120, 144, 165, 240];
const isGap = ms => ms >= 2 && ms <= 60;
// The rate in Hz of the median gap, snapped to a known rate within 6 %; null for fewer than 20 gaps.
function refreshRate(gaps) {
  if (gaps.length < 20) return null;
  const sorted = [...gaps].sort((a, b) => a - b);
  const rate = 1000 / sorted[sorted.length >> 1];
  const near = RATES.reduce((a, b) => (Math.abs(b - rate) < Math.abs(a - rate) ? b : a));
  return Math.abs(near / rate - 1) < 0.06 ? near : Math.round(rate * 100) / 100;
}
// An exposure in whole refreshes, halves rounded up, at least one.
const framesOf = (ms, hz) => Math.max(1, Math.floor((ms * hz) / 1000 + 0.5));
const tenth = ms => (ms === null ? null : Math.round(ms * 10) / 10);
