// ---- Contexts: the prompt and the reference image of a trial, with the pair or read before it.
let shownReference = null;
// Shows a trial's context; without any, hides one that is read first. Nothing else on the page moves by it.
beside = (image, text) => {
  if (image === undefined && text === undefined) {
    if (data.z) visible($('context'), false);
    return;
  }
  if (shownReference) light([shownReference], false);
  shownReference = image || null;
  if (image) light([image], true);
  if ($('reference')) $('reference').hidden = !image;
  if ($('prompt')) {
    write('prompt', text);
    $('prompt').hidden = !text;
    $('prompt').scrollTop = 0;
  }
  visible($('context'), !!(image || text));
};
