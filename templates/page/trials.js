// The trials of a page and their order. Pure: no function here touches the page or a variable outside it.

// A trial is 42 characters: two names of 20, the exposure's number, and which of the file types they have. Its
// reference image, where it has one, is the third file. A trial of one image is 22 characters, with one name.
const PACKED = 42;
function unpackTrials({t, x, e, n, d, p, c = [], u = [], S = 0}) {
  const size = S ? 22 : PACKED;
  return Array.from({length: t.length / size}, (_, i) => {
    const part = t.slice(size * i, size * (i + 1));
    const types = parseInt(part[size - 1], 36);
    const [text, reference] = c[u[i]] || ['', ''];
    const names = S
      ? [part.slice(0, 20) + x[types]]
      : [part.slice(0, 20) + x[Math.floor(types / x.length)], part.slice(20, 40) + x[types % x.length]];
    return {
      id: 't' + String(n + i).padStart(d, '0'),
      files: reference ? [...names, reference] : names,
      text,
      ms: e.length ? e[parseInt(part[size - 2], 36)] : null,
      correct: i < p.length ? +(p[i] === 'R') : null,
    };
  });
}

// Places count what is shown: every trial once, then the disturbed ones again.
const placeCount = (total, state) => total + state.again.length;
const trialAt = (place, total, state) => (place < total ? place : state.again[place - total]);
// The first place from `state.at` on whose images have not failed; the number of places when there is none.
function nextPlace(total, state) {
  let place = state.at;
  while (place < placeCount(total, state) && state.missing.includes(trialAt(place, total, state))) place++;
  return place;
}
// Whether a break comes before this place: after every `every` scored trials, once.
function breakDue(place, total, practice, every, rested) {
  const scored = place - practice;
  return every > 0 && scored > 0 && scored % every === 0 && place < total && rested < place;
}
// What a place is called: the word's name, and its numbers.
function placeName(place, total, practice, repeats) {
  if (place < practice) return ['practice_place', {place: place + 1, total: practice}];
  if (place < total) return ['place', {place: place + 1 - practice, total: total - practice}];
  return ['again_place', {place: place + 1 - total, total: repeats}];
}
// Which side an answer is on: negative for left, 0 for neither, positive for right. Real is on the left.
const sideOf = answer => ({left: -1, tie: 0, right: 1, real: -1, generated: 1})[answer] ?? answer;
// A disturbed exposure is shown once more at the end. After a reload there is no second look.
function shownAgain(flags, {timed, practice, repeat, full = false}) {
  return timed && !full && !practice && !repeat && flags.length > 0 && !flags.includes('reload');
}
