// ---- Exposures that the server decides, answer by answer. It keeps the answers so far, and says of the next place how
// long its image is to be shown. Without a server each is shown for as long as the first.
state.stairs = 1;
oneLook = false;
let decided = null;
overhear = headers => {
  const place = headers.get('X-Place');
  if (place === null) return;
  decided = {place: +place, ms: +headers.get('X-Exposure-Ms'), right: headers.get('X-Right')};
};
const prepareShown = prepare;
prepare = async place => {
  const images = await prepareShown(place);
  if (place === state.at && progress) await decision(place);
  return images;
};
async function decision(place) {
  for (let turn = 0; !decided || decided.place !== place; turn++) {
    if (turn > 5) throw new Error('no exposure');
    if (turn) await wait(300 * turn);
    await save();
    if (stopped) throw new Error(stopped);
  }
  trials[order(place)].ms = decided.ms;
  await tellRight(place);
}
// Says once whether the answer before was right, which the page knows from the server alone.
let toldOf = null;
async function tellRight(place) {
  const last = state.answers[state.answers.length - 1];
  const told = toldOf === null || toldOf >= place || place <= data.p.length;
  toldOf = place;
  if (decided.right === null || told || !last || !data.r) return;
  const side = sideOf(last.choices[data.q[data.j]]) > 0 ? 1 : 0;
  const right = decided.right === '1';
  write('note', data.r[right ? side : 1 - side][right ? 0 : 1]);
  $('note').className = 'told';
  visible($('ready'), false);
  await wait(1200);
  write('note', '');
  $('note').className = '';
  visible($('ready'), true);
}
const watchedShown = watched;
watched = trial => ({...watchedShown(trial), exposure_ms: trials[trial.index].ms});
