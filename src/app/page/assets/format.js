// Figures for people. Every function gives `null` for what is not known; the caller shows it as n/a.

import { language, t } from './words.js';

const formats = new Map();

function number(value, digits, minimum = 0) {
  const key = `${language()} ${digits} ${minimum}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(language(), { maximumFractionDigits: digits, minimumFractionDigits: minimum }));
  }
  return formats.get(key).format(value);
}

const known = (value) => typeof value === 'number' && Number.isFinite(value);

/** A bare count. */
export const count = (value) => (known(value) ? number(value, 0) : null);

/** A count that may be large: 12.3 k, 4.5 M. */
export function short(value) {
  if (!known(value)) return null;
  if (value >= 1e9) return `${number(value / 1e9, 1)} G`;
  if (value >= 1e6) return `${number(value / 1e6, 1)} M`;
  if (value >= 1e5) return `${number(value / 1e3, 0)} k`;
  return number(value, 0);
}

/** Percent, 0-100. */
export const percent = (value) => (known(value) ? `${number(value, value > 0 && value < 9.95 ? 1 : 0)} %` : null);

/** A rate a second without its unit. */
export const rate = (value) => (known(value) ? (value >= 1e5 ? short(value) : number(value, value > 0 && value < 9.95 ? 1 : 0)) : null);

/** A rate a second with its unit, for axes. */
export const perSecond = (value) => (known(value) ? `${rate(value)}/s` : null);

/** Milliseconds, or seconds from 1 s up. */
export function milliseconds(value) {
  if (!known(value)) return null;
  if (value >= 9950) return `${number(value / 1000, 1)} s`;
  if (value >= 1000) return `${number(value / 1000, 2)} s`;
  return `${number(value, value >= 9.95 || value === 0 ? 0 : value >= 0.995 ? 1 : value >= 0.0995 ? 2 : 3)} ms`;
}

/** Bytes, in powers of 1000 as disks and networks count, or of 1024 for memory. */
export function bytes(value, base = 1000) {
  if (!known(value)) return null;
  const units = base === 1024 ? ['B', 'KiB', 'MiB', 'GiB', 'TiB'] : ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = value;
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  return `${number(rest, unit > 0 && rest < 99.5 ? 1 : 0)} ${units[unit]}`;
}

/** Memory in powers of 1024. */
export const memory = (value) => bytes(value, 1024);

/** Bytes a second. */
export const byteRate = (value) => (known(value) ? `${bytes(value)}/s` : null);

/** CPU cores: 0.25 cores, 1 core. */
export const cores = (value) => (known(value) ? t(value === 1 ? 'unit.core' : 'unit.cores', { value: number(value, 2) }) : null);

/** A length of time: 12 s, 3 min 4 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (!known(seconds)) return null;
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([size]) => whole >= size);
  if (first < 0) return '0 s';
  return parts.slice(first, first + 2)
    .map(([size, unit], index) => [Math.floor((index === 0 ? whole : whole % parts[first][0]) / size), unit])
    .filter(([amount], index) => index === 0 || amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

/** How long ago, as on the axes of the charts: −1:05. */
export function ago(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `−${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
