// The resources that can bind, as the page names them: one entry each, in the order in which they are drawn.

const WORDS = {
  cpu: {
    en: { limit: 'The CPU is the limit', name: 'CPU' },
    es: { limit: 'El límite es la CPU', name: 'CPU' },
  },
  'cpu-quota': {
    en: { limit: 'The CPU quota is the limit', name: 'CPU quota' },
    es: { limit: 'El límite es la cuota de CPU', name: 'cuota de CPU' },
  },
  io: {
    en: { limit: 'The disk is the limit', name: 'disk I/O' },
    es: { limit: 'El límite es el disco', name: 'E/S de disco' },
  },
  memory: {
    en: { limit: 'Memory is the limit', name: 'memory' },
    es: { limit: 'El límite es la memoria', name: 'memoria' },
  },
  network: {
    en: { limit: 'The network is the limit', name: 'network' },
    es: { limit: 'El límite es la red', name: 'red' },
  },
  pool: {
    en: { limit: 'The thread pool is the limit', name: 'thread pool' },
    es: { limit: 'El límite es el pool de hilos', name: 'pool de hilos' },
  },
  store: {
    en: { limit: 'The store is the limit', name: 'store' },
    es: { limit: 'El límite es el almacén', name: 'almacén' },
  },
};

/** Their names, as `/stats` writes them. */
export const RESOURCES = Object.keys(WORDS);

/** Their texts in a language: `limit.NAME` for the headline, `name.NAME` for the rest. */
export const resourceWords = (language) => Object.fromEntries(RESOURCES.flatMap((resource) =>
  Object.entries(WORDS[resource][language]).map(([kind, text]) => [`${kind}.${resource}`, text])));
