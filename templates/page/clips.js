// ---- Clips: loaded whole, shown and started together, and watched frame by frame.
const {once, again, all, fps} = data.C;
// Two videos reach the screen each by itself, now and then a refresh apart. So a canvas shows what its video decodes
// unseen: what is drawn on both in one callback is displayed in one refresh. Left to loop by themselves two clips
// would drift apart.
const isClip = element => !!element.clip;
const canvasesOf = trial => trial.images.filter(isClip);
const clipsOf = trial => canvasesOf(trial).map(({clip}) => clip);
const countsFrames = clip => !!clip.requestVideoFrameCallback;
aheadCount = 2;
oneLook = limited || (!!once && !again);
// A computer that is too slow for the clips has nearly all of them flagged: people do not see all again for that.
mostAgain = Math.max(2, Math.ceil(total / 4));

// ---- Loading. Where a page may not read a file (from the disk, or from a site that does not allow it), the browser
// loads it by itself.
async function addressOf(file) {
  let reply;
  try {
    reply = await fetch(file);
  } catch {
    return file;
  }
  if (!reply.ok) throw new Error(reply.status);
  return URL.createObjectURL(await reply.blob());
}
const isWhole = ({readyState, buffered, duration, networkState}) =>
  readyState === 4 &&
  (networkState === 1 || (buffered.length && buffered.end(buffered.length - 1) > duration - 0.1));
function loaded(clip) {
  return new Promise((done, fail) => {
    const look = () => isWhole(clip) && done();
    for (const event of ['canplaythrough', 'progress', 'suspend']) on(clip, event, look);
    on(clip, 'error', () => fail(clip.error));
  });
}
const imageArrival = arrival;
arrival = async address => {
  if (!/\.(mp4|webm)(\?|$)/.test(address)) return imageArrival(address);
  const clip = document.createElement('video');
  Object.assign(clip, {muted: true, playsInline: true, preload: 'auto', disableRemotePlayback: true});
  watch(clip);
  const whole = loaded(clip);
  whole.catch(() => {});
  clip.src = await addressOf(address);
  await whole;
  return canvasOf(clip);
};
function canvasOf(clip) {
  const canvas = document.createElement('canvas');
  canvas.width = clip.videoWidth;
  canvas.height = clip.videoHeight;
  canvas.setAttribute('role', 'img');
  clip.className = 'source';
  clip.setAttribute('aria-hidden', 'true');
  canvas.remove = () => release(canvas);
  return Object.assign(canvas, {clip, to: canvas.getContext('2d', {alpha: false})});
}
const paint = canvas => canvas.to.drawImage(canvas.clip, 0, 0, canvas.width, canvas.height);
// A clip's memory is given back at once, not when the browser gets round to it.
function release(canvas) {
  const {clip} = canvas;
  clip.pause();
  URL.revokeObjectURL(clip.src);
  clip.removeAttribute('src');
  clip.load();
  clip.remove();
  canvas.width = canvas.height = 0;
  HTMLCanvasElement.prototype.remove.call(canvas);
}

// ---- Whether the browser lets clips play, which is tried once, after the Start click.
let mayPlay = false;
const sorry = ['title', 'text'];
const usualWords = sorry.map(part => $('sorry-' + part).textContent);
const refusal = [word('refused_title'), word('refused_text')];
async function tryPlaying(clip) {
  try {
    await clip.play();
    mayPlay = true;
  } finally {
    sorry.forEach((part, i) => write('sorry-' + part, (mayPlay ? usualWords : refusal)[i]));
    clip.pause();
  }
}
function rewind(clip, time = 0) {
  if (clip.currentTime === time) return null;
  const there = new Promise(done => {
    clip.onseeked = done;
  });
  clip.currentTime = time;
  return there;
}
const prepareImages = prepare;
prepare = async place => {
  const images = await prepareImages(place);
  const canvases = images.filter(isClip);
  for (const canvas of canvases) {
    canvas.setAttribute('aria-label', canvas.alt);
    if (!canvas.clip.parentNode) canvas.after(canvas.clip);
  }
  if (!mayPlay && canvases.length) await tryPlaying(canvases[0].clip);
  await Promise.all(canvases.map(({clip}) => rewind(clip)));
  canvases.forEach(paint);
  return images;
};

// ---- Frames: which a video is at, which its canvas shows and since when, and how many never were there.
function watch(clip) {
  clip.seen = {due: new Map(), at: 0, drawn: 0, shown: 0, missed: 0};
  if (!countsFrames(clip)) return;
  const note = (_, {mediaTime}) => {
    clip.seen.at = Math.round(mediaTime * fps);
    clip.requestVideoFrameCallback(note);
  };
  clip.requestVideoFrameCallback(note);
}
const frameAt = time => Math.floor(time * fps + 0.01);
function isNew(clip) {
  const {seen} = clip;
  if (!countsFrames(clip)) seen.at = frameAt(clip.currentTime);
  return seen.at > seen.drawn;
}
function draw(trial, ts) {
  canvasesOf(trial).forEach(paint);
  for (const {seen} of clipsOf(trial)) {
    const {at, drawn, due} = seen;
    if (at <= drawn) continue;
    seen.shown++;
    seen.missed += at - drawn - 1;
    seen.drawn = at;
    due.set(at, ts);
  }
}
const level = clips => clips.every(({seen}) => seen.at === clips[0].seen.at);
// The clip that began first all but stands until the other is at the same frame.
function pace(clips, moved) {
  const last = Math.min(...clips.map(({seen}) => seen.at));
  for (const clip of clips) clip.playbackRate = moved || clip.seen.at === last ? 1 : 0.1;
}
// Calls `step` in every refresh from the next one on, until the trial is over or its clips are given another turn.
function everyRefresh(trial, step) {
  const turn = (trial.turn = {});
  const again = ts => {
    if (!isOn(trial) || trial.turn !== turn) return;
    step(ts);
    requestAnimationFrame(again);
  };
  requestAnimationFrame(again);
}
// Draws both clips until both have ended. Their first frames stay until both are at one later frame; afterwards a clip
// that is ahead waits a refresh for the other, where the screen has refreshes to spare. What the browser has announced
// it now and then paints a refresh later: the frames with which the clips begin to move are drawn once more.
function drawOn(trial) {
  let moved = false;
  let held = false;
  let times = 0;
  everyRefresh(trial, ts => {
    const clips = clipsOf(trial).filter(({error}) => !error);
    const fresh = clips.filter(isNew).length;
    if (!moved) {
      moved = fresh === clips.length && level(clips);
      pace(clips, moved);
    }
    held = !held && hz > 1.5 * fps && !level(clips);
    if (fresh && moved && !held) {
      draw(trial, ts);
      times++;
    } else if (times === 1) {
      canvasesOf(trial).forEach(paint);
      times++;
    }
  });
}
// A slow computer may decode the last frames only after a clip has ended: for another second, what has come is drawn.
function drawLast(trial) {
  let left = hz;
  everyRefresh(trial, ts => {
    if (left-- > 0) draw(trial, ts);
    else trial.turn = null;
  });
}
// How much later the left clip began to move than the right one, by the first frame that both showed; null where no
// frame tells.
function skewOf([left, right]) {
  if (!left || !right || !countsFrames(left)) return null;
  for (const [index, ms] of left.seen.due) {
    if (right.seen.due.has(index)) return ms - right.seen.due.get(index);
  }
  return null;
}
function keepSkew(trial) {
  const skew = skewOf(clipsOf(trial));
  if (skew === null || (trial.skew !== null && Math.abs(skew) <= Math.abs(trial.skew))) return;
  trial.skew = skew;
}

// ---- Playing
const isOn = trial => now === trial && !trial.over;
function setAgain(shown, enabled) {
  const button = $('again');
  if (!button) return;
  visible(button, shown);
  button.disabled = !enabled;
}
function start(trial, time = 0) {
  const at = frameAt(time);
  canvasesOf(trial).forEach(paint);
  for (const clip of clipsOf(trial)) {
    Object.assign(clip.seen, {at, drawn: at, due: new Map()});
    clip.playbackRate = 1;
    clip.play().catch(error => error.name === 'AbortError' || stalled(trial));
  }
  drawOn(trial);
}
async function restart(trial, time = 0) {
  keepSkew(trial);
  const turn = (trial.turn = {});
  setAgain(true, false);
  await Promise.all(clipsOf(trial).map(clip => rewind(clip, time)));
  requestAnimationFrame(() => {
    if (!isOn(trial) || trial.turn !== turn || document.hidden) return;
    if (trial.anew) trial.plays++;
    trial.anew = false;
    start(trial, time);
  });
}
function playAnew(trial) {
  trial.anew = true;
  restart(trial);
}
function played(trial) {
  if (!isOn(trial) || !clipsOf(trial).every(clip => clip.ended)) return;
  draw(trial, performance.now());
  seenAll(trial);
  if (!once) return playAnew(trial);
  drawLast(trial);
  setAgain(true, true);
}
function stalled(trial) {
  if (!isOn(trial)) return;
  trial.stalls++;
  if (!limited) write('note', word('stalled'));
}
// Until answers are taken, what is to be done stands where they will be.
function noted(trial) {
  if (!isOn(trial)) return;
  write('note', trial.unseen ? word('watch') : '');
  $('note').className = trial.unseen ? 'told' : '';
}
function listen(clip, trial) {
  clip.onended = () => played(trial);
  clip.onwaiting = () => clip.seeking || clip.ended || stalled(trial);
  clip.onplaying = () => limited || noted(trial);
  clip.onerror = () => {
    stalled(trial);
    seenAll(trial);
  };
}
const lightImages = light;
light = (elements, on) => {
  lightImages(elements, on);
  const clips = elements.filter(isClip).map(({clip}) => clip);
  if (clips.length && on) {
    const trial = now;
    Object.assign(trial, {plays: 1, stalls: 0, skew: null});
    for (const clip of clips) {
      Object.assign(clip.seen, {shown: 0, missed: 0});
      listen(clip, trial);
    }
    // A refresh later, so that the first frame has been on the screen.
    requestAnimationFrame(() => isOn(trial) && start(trial));
  } else if (clips.length) {
    if (now) now.over = true;
    for (const clip of clips) clip.pause();
    setAgain(false, false);
  }
};
// A hidden page plays nothing; then both clips go on together from where the first of them stopped.
on(document, 'visibilitychange', () => {
  const trial = now;
  if (!trial || !trial.plays || !isOn(trial) || limited) return;
  const clips = clipsOf(trial);
  if (document.hidden) {
    trial.going = clips.some(clip => !clip.ended);
    for (const clip of clips) clip.pause();
  } else if (trial.going) {
    restart(trial, Math.min(...clips.map(clip => clip.currentTime)));
  }
});

// ---- Answers, where they are asked for only after the first whole play; and another look, where allowed.
const admitAtOnce = admit;
admit = trial => {
  setAgain(true, false);
  if (!all) return admitAtOnce(trial);
  trial.unseen = true;
  enter('watch');
  noted(trial);
  const longest = Math.max(...clipsOf(trial).map(clip => clip.duration));
  // Nobody waits for ever for a clip that does not go on.
  setTimeout(
    () => {
      if (!trial.unseen) return;
      stalled(trial);
      seenAll(trial);
    },
    3000 * longest + 10000,
  );
};
function seenAll(trial) {
  if (!trial.unseen || !isOn(trial)) return;
  trial.unseen = false;
  trial.from = performance.now();
  noted(trial);
  enter('answer');
}
function lookAgain() {
  if (now && isOn(now) && !$('again').disabled) playAnew(now);
}
if ($('again')) {
  on($('again'), 'click', lookAgain);
  const meantOtherwise = meant;
  meant = (code, time) => (code === 'KeyR' ? lookAgain : meantOtherwise(code, time));
}

// ---- The record
function droppedOf(clips) {
  if (!clips.every(countsFrames)) return [null, 0];
  const sum = part => clips.reduce((found, {seen}) => found + seen[part], 0);
  const missed = sum('missed');
  const due = missed + sum('shown');
  // A screen that refreshes more slowly than the clips go on cannot show all of their frames.
  return [missed, 2 + due * (0.05 + Math.max(0, 1 - hz / fps))];
}
watched = trial => {
  if (!trial.plays) return {};
  keepSkew(trial);
  setAgain(false, false);
  const [dropped, most] = droppedOf(clipsOf(trial));
  if (Math.abs(trial.skew) > P / 2) trial.flags.push('skew');
  if (dropped > most) trial.flags.push('dropped');
  if (trial.stalls) trial.flags.push('stall');
  return {plays: trial.plays, skew_ms: tenth(trial.skew), dropped, stalls: trial.stalls};
};
