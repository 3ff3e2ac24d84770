// The page: which view is shown, in which language and theme, and whether what it shows is still true.

import { h, put, attr } from './dom.js';
import { duration } from './format.js';
import { feed, nowOf, setExtra, silence, stale, start } from './feed.js';
import { stateOf } from './model.js';
import { clusterView, nodeLink } from './cluster.js';
import { nodeView } from './node.js';
import { labPanel } from './lab.js';
import { addPanel } from './add.js';
import { scalingPanel } from './scaling.js';
import { language, languages, preferred, speak, t } from './words.js';

const THEMES = ['auto', 'light', 'dark'];
const main = document.getElementById('view');
const bar = document.getElementById('bar');
const foot = document.getElementById('foot');

/** What the visitor chose, kept in this browser; a browser that keeps nothing is no error. */
const choices = {
  get(key) {
    try {
      return localStorage.getItem(`webapp.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`webapp.${key}`, value);
    } catch {
      // Private browsing: the choice lasts as long as the page.
    }
  },
};

let theme = THEMES.includes(choices.get('theme')) ? choices.get('theme') : 'auto';
let view = null;
let lab = null;
let scaling = null;
let parts = null;

/** The view that the address names: a node's name, `''` for the cluster, `null` for whatever fits. */
function wanted() {
  const [, kind, name] = /^#\/(node|cluster)(?:\/(.*))?$/.exec(location.hash) ?? [];
  if (kind === 'cluster') return '';
  if (kind !== 'node') return null;
  try {
    return decodeURIComponent(name ?? '');
  } catch {
    return null;
  }
}

function chosenNode() {
  const name = wanted();
  if (name === '') return null;
  const named = name === null ? null : feed.nodes.find((node) => node.name === name);
  if (named) return named;
  return feed.nodes.length > 1 ? null : feed.nodes[0] ?? null;
}

function setTheme(next) {
  theme = next;
  choices.set('theme', theme);
  attr(document.documentElement, 'data-theme', theme === 'auto' ? null : theme);
  if (parts) put(parts.theme, t(`bar.theme.${theme}`));
}

function setLanguage(next) {
  choices.set('language', next);
  speak(next);
  build();
}

/** Builds everything that holds words; called at the start and when the language changes. */
function build() {
  document.documentElement.lang = language();
  put(document.querySelector('.skip'), t('bar.skip'));
  lab?.end();
  view?.end();
  view = null;
  lab = labPanel();
  scaling = scalingPanel();
  const live = h('span', { class: 'live', id: 'live', role: 'status' });
  const banner = h('p', { class: 'banner', role: 'alert', hidden: true, id: 'stale' });
  const views = h('nav', { 'aria-label': t('bar.views') });
  const themeWord = h('span');
  const add = addPanel((urls) => setExtra(urls), choices);
  bar.replaceChildren(h('a', { class: 'brand', href: '#/' }, 'webapp'), views, live, h('div', { class: 'tools' }, add.element,
    h('div', { class: 'switch', role: 'group', 'aria-label': t('bar.language') }, languages.map((code) =>
      h('button', { type: 'button', lang: code, 'aria-pressed': String(code === language()), onclick: () => setLanguage(code) }, code.toUpperCase()))),
    h('button', { type: 'button', class: 'quiet', id: 'theme', onclick: () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]) }, t('bar.theme'), ': ', themeWord)));
  main.replaceChildren(banner);
  parts = { live, banner, views, theme: themeWord, add };
  setTheme(theme);
  show();
}

function showViews(node) {
  const links = feed.nodes.length > 1
    ? [{ text: t('cluster.title'), href: '#/cluster', current: !node }, ...feed.nodes.map((one) => ({ text: one.name, href: nodeLink(one), current: node === one, state: stateOf(one) }))]
    : feed.nodes.map((one) => ({ text: one.name, href: nodeLink(one), current: true, state: stateOf(one) }));
  const key = JSON.stringify(links);
  if (parts.linked === key) return;
  parts.linked = key;
  const focused = parts.views.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  parts.views.replaceChildren(...links.map((link) => h('a', { href: link.href, 'aria-current': link.current ? 'page' : null, 'data-state': link.state }, link.text)));
  if (focused) parts.views.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function showLive() {
  const old = stale();
  const time = duration(silence());
  attr(parts.live, 'data-state', silence() === null ? 'connecting' : old ? 'stale' : 'on');
  put(parts.live, silence() === null ? t('live.connecting') : old ? t('live.stale', { ago: time }) : t('live.on'));
  attr(parts.banner, 'hidden', !old);
  if (old) put(parts.banner, t('live.banner', { ago: time }));
  document.body.classList.toggle('stale', old);
}

function showFoot(node) {
  const told = node?.stats?.node;
  const words = told ? [told.hostname, t('foot.pid', { pid: told.pid }), `webapp ${told.version}`, t('foot.up', { time: duration(told.uptime_seconds) }), t('foot.model', { model: told.model }), t('foot.engine', { engine: told.engine })] : [];
  foot.facts ??= h('span');
  put(foot.facts, words.join(' · '));
  if (foot.spoken === language()) return;
  foot.spoken = language();
  foot.replaceChildren(foot.facts, h('span', null, `${t('foot.data')}: `, h('a', { href: '/stats' }, '/stats'), ' ', h('a', { href: '/metrics' }, '/metrics'), ' ', h('a', { href: '/cluster' }, '/cluster')));
}

function show() {
  showLive();
  if (feed.refused) {
    parts.add.refused(feed.refused);
    feed.refused = null;
  }
  if (feed.nodes.length === 0) return;
  const node = chosenNode();
  const key = node ? `node ${node.key}` : 'cluster';
  showViews(node);
  showFoot(node ?? feed.self);
  if (view?.key !== key) {
    view?.end();
    view = node ? nodeView(lab.element) : clusterView(lab.element);
    view.key = key;
    main.replaceChildren(parts.banner, scaling.element, view.element);
  }
  lab.update();
  scaling.update(feed.autoscale);
  if (node) view.update(node, nowOf(node), stateOf(node));
  else view.update(feed.nodes);
  const limit = document.getElementById('limit')?.textContent ?? '';
  document.title = `${stale() ? '… ' : ''}${limit} · ${node ? node.name : t('cluster.title')}`;
}

const asked = choices.get('language');
speak(languages.includes(asked) ? asked : preferred(navigator.languages));
build();
addEventListener('hashchange', show);
start(show);
// The age of stale figures must go on counting while nothing answers.
setInterval(() => stale() && showLive(), 1000);
