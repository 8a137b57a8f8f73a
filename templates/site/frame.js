// Runs first in a page that a requester wrote for MTurk. Such a page has no origin here, so that the browser gives it
// no storage: what it keeps lasts as long as the page.
'use strict';

(() => {
  const said = document.currentScript.dataset.lost;
  const standIn = () => {
    const kept = new Map();
    return {
      getItem: name => (kept.has(String(name)) ? kept.get(String(name)) : null),
      setItem: (name, value) => void kept.set(String(name), String(value)),
      removeItem: name => void kept.delete(String(name)),
      clear: () => kept.clear(),
      key: place => [...kept.keys()][place] ?? null,
      get length() {
        return kept.size;
      },
    };
  };
  for (const name of ['localStorage', 'sessionStorage']) {
    try {
      void window[name].length;
    } catch {
      Object.defineProperty(window, name, {value: standIn(), configurable: true});
    }
  }
  try {
    void document.cookie;
  } catch {
    let jar = '';
    Object.defineProperty(document, 'cookie', {
      configurable: true,
      get: () => jar,
      set: text => {
        const pair = String(text).split(';')[0];
        const name = pair.split('=')[0];
        jar = [...jar.split('; ').filter(old => old && old.split('=')[0] !== name), pair].join('; ');
      },
    });
  }

  // Amazon's crowd elements are nothing without Amazon's script: there is no form then, and no button.
  window.addEventListener('load', () => {
    const lost = [...document.querySelectorAll('*')].find(
      element => element.localName.startsWith('crowd-') && !window.customElements.get(element.localName),
    );
    if (!lost) return;
    const note = document.createElement('p');
    note.setAttribute('role', 'alert');
    note.style.cssText =
      'margin:1rem;padding:1rem;border:2px solid #c2473d;font:16px/1.5 system-ui,sans-serif';
    note.dir = 'auto';
    note.textContent = said.replace('{element}', `<${lost.localName}>`);
    document.body.prepend(note);
  });
})();
