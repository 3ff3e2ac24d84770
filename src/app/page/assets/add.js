// Addresses of other nodes, typed in by someone at this node's machine.

import { h, put, attr } from './dom.js';
import { t } from './words.js';

const MOST = 16;

/** The address (scheme, host and port) of what was typed, or `null` when it is no such address. */
export function normal(typed) {
  try {
    const url = new URL(/^https?:\/\//.test(typed.trim()) ? typed.trim() : `http://${typed.trim()}`);
    return url.protocol === 'http:' && url.hostname ? url.origin : null;
  } catch {
    return null;
  }
}

function stored(choices) {
  return (choices.get('peers') ?? '').split(',').map(normal).filter(Boolean).slice(0, MOST);
}

/** The panel; `changed` gets the whole list whenever it changes (and once at the start, when there is one). */
export function addPanel(changed, choices) {
  let urls = stored(choices);
  const list = h('ul');
  const input = h('input', { id: 'add-url', type: 'text', inputmode: 'url', placeholder: 'http://192.168.56.12:3000', autocomplete: 'off', spellcheck: 'false', maxlength: '200' });
  const said = h('p', { class: 'small bad', role: 'alert' });
  const draw = () => {
    list.replaceChildren(...urls.map((url) => h('li', null, h('code', null, url),
      h('button', { type: 'button', class: 'quiet', 'aria-label': t('add.remove', { url }), onclick: () => set(urls.filter((one) => one !== url)) }, '×'))));
  };
  const set = (next) => {
    urls = next;
    choices.set('peers', urls.join(','));
    put(said, '');
    draw();
    changed(urls);
  };
  const form = h('form', {
    onsubmit(event) {
      event.preventDefault();
      const url = normal(input.value);
      attr(input, 'aria-invalid', url ? null : 'true');
      if (!url || urls.length >= MOST) return;
      input.value = '';
      if (!urls.includes(url)) set([...urls, url]);
    },
  }, h('label', { for: 'add-url' }, t('add.label')), h('div', null, input, h('button', { type: 'submit', 'aria-label': t('add.do') }, '+')), list, said, h('p', { class: 'small' }, t('add.note')));
  const element = h('details', { class: 'add' }, h('summary', null, t('bar.add')), form);
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') element.open = false;
  });
  draw();
  if (urls.length) changed(urls);
  return {
    element,
    refused(reason) {
      set([]);
      put(said, t('add.refused', { reason }));
      element.open = true;
    },
  };
}
