// ---- The start of everything, after all other parts.
fit();
paintMasks();
if (preview) {
  document.body.className = 'preview';
  banner(word('preview'));
  $('start').disabled = true;
  write('start', word('accept_first'));
  resume();
} else {
  work(false);
}
