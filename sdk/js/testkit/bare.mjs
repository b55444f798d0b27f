// Loads the library where there is nothing but the language and what every runtime
// has, and calls a panel: node --experimental-vm-modules bare.mjs <URL> <key> <what a
// delivery is: JSON of {body, headers, secret}>. Prints what it got as JSON.
import { readFile } from 'node:fs/promises';
import vm from 'node:vm';

const [url, key, delivery] = process.argv.slice(2);
const provided = {
  fetch, crypto: { randomUUID: () => crypto.randomUUID(), subtle: crypto.subtle }, URL, URLSearchParams, TextEncoder, TextDecoder, AbortController,
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds), clearTimeout: (timer) => clearTimeout(timer), atob,
};
const context = vm.createContext({ ...provided });

const modules = new Map();
async function load(specifier, from) {
  if (!specifier.startsWith('./')) {
    throw new Error(`${from} imports ${specifier}`);
  }
  const address = new URL(specifier, from).href;
  if (!modules.has(address)) {
    modules.set(address, readFile(new URL(address), 'utf8').then((code) => new vm.SourceTextModule(code, { context, identifier: address })));
  }
  return modules.get(address);
}

const library = await load('./index.js', new URL('../src/', import.meta.url).href);
await library.link((specifier, { identifier }) => load(specifier, identifier));
await library.evaluate();
const { Client, verifyWebhook } = library.namespace;

const client = new Client(key, url, { retryDelay: 1, timeout: 5000 });
const { body, headers, secret } = JSON.parse(delivery);
const failed = (error) => error.name;
console.log(JSON.stringify({
  absent: ['process', 'Buffer', 'require', 'window', 'Headers', 'Response', 'structuredClone'].filter((name) => vm.runInContext(`typeof ${name}`, context) !== 'undefined'),
  services: (await client.services()).length,
  placed: (await client.add({ service: 1, quantity: 1000, link: 'https://example.com/' })).order,
  refused: await client.cancel(1).catch(failed),
  event: (await verifyWebhook(body, headers, secret)).id,
  bytes: (await verifyWebhook(new TextEncoder().encode(body), headers, secret)).id,
  forged: await verifyWebhook(`${body} `, headers, secret).catch(failed),
}));
