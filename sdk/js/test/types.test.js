import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as notpanel from 'notpanel';
import { key } from '../testkit/panel.js';
import { blocks, installed, modules, root, run } from '../testkit/run.js';

const compiler = join(modules, 'typescript', 'bin', 'tsc');
const have = existsSync(compiler);
if (!have && process.env.CI === 'true') {
  throw new Error('the TypeScript compiler is needed: make setup installs it');
}
const options = { skip: !have && 'the TypeScript compiler is not there: make setup installs it', concurrency: false };

/** compile checks a folder's files; it returns what the compiler said. */
async function compile(t, files, settings) {
  const compilerOptions = {
    noEmit: true, strict: true, target: 'es2022', lib: ['es2022'], module: 'nodenext', types: [], allowJs: true, checkJs: true, maxNodeModuleJsDepth: 0, ...settings,
  };
  const config = { compilerOptions, include: ['**/*'], exclude: ['node_modules'] };
  const folder = await installed(t, { ...files, 'package.json': '{"type":"module"}', 'tsconfig.json': JSON.stringify(config) });
  const { code, said } = await run([compiler, '--project', folder, '--pretty', 'false']);
  return code === 0 ? '' : said || `it ended with ${code}`;
}

const file = (path) => readFile(join(root, path), 'utf8');

test('types fit all that can be called, and need no types of a runtime', options, async (t) => {
  const all = await file('testkit/types/all.ts');
  const client = new notpanel.Client(key, 'https://panel.example');
  const methods = [client, client.webhooks].flatMap((object) => Object.getOwnPropertyNames(Object.getPrototypeOf(object)));
  assert.deepEqual(methods.filter((name) => name !== 'constructor' && !all.includes(`.${name}(`)), []);

  const names = Object.keys(notpanel);
  assert.deepEqual(names.filter((name) => !all.includes(name)), []);
  // Both ways: what the types lack, and what they have and the library does not.
  const exported = `import * as n from 'notpanel';
    void ({ ${names.map((name) => `${name}: true`)} } satisfies Record<keyof typeof n, true>);`;
  assert.equal(await compile(t, { 'all.ts': all, 'exported.ts': exported }, { noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false }), '');
});

test('types fit the runtimes\' own', options, async (t) => {
  const code = `import { Client, verifyWebhook } from 'notpanel';
    import type { IncomingMessage } from 'node:http';
    declare const incoming: IncomingMessage; declare const request: Request;
    export const client = new Client('', new URL('https://panel.example'), { fetch });
    await client.balance({ signal: AbortSignal.timeout(1) });
    await verifyWebhook(Buffer.from(''), incoming.headers, '');
    await verifyWebhook(await request.arrayBuffer(), request.headers, '');`;
  const node = { types: ['node'], typeRoots: [join(modules, '@types')], skipLibCheck: true };
  assert.equal(await compile(t, { 'node.ts': code }, node), '');
  const web = code.split('\n').filter((line) => !/http|incoming/.test(line) || line.includes('Client(')).join('\n');
  const browser = `${web}\ndeclare const request: Request;`.replace('declare const incoming: IncomingMessage; ', '');
  assert.equal(await compile(t, { 'web.ts': browser }, { lib: ['es2022', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler', skipLibCheck: true }), '');
});

test('the README\'s samples and the example have no mistakes of type', options, async (t) => {
  const samples = Object.fromEntries((await blocks()).map((code, i) => [`sample${i}.mjs`, code]));
  assert.equal(Object.keys(samples).length, 8);
  const said = await compile(t, {
    ...samples, 'shop.mjs': await file('examples/shop.mjs'), 'express.d.ts': 'declare module "express";',
  }, { types: ['node'], typeRoots: [join(modules, '@types')], noImplicitAny: false, skipLibCheck: true });
  assert.equal(said, '');
});

test('the library uses nothing but what every runtime has', options, async (t) => {
  const edge = { 'edge.d.ts': await file('testkit/types/edge.d.ts') };
  const settings = { strict: false, skipLibCheck: true };
  const sources = (await readdir(join(root, 'src'))).filter((name) => name.endsWith('.js'));
  assert.ok(sources.includes('index.js'));
  const files = Object.fromEntries(await Promise.all(sources.map(async (name) => [`src/${name}`, await file(`src/${name}`)])));
  // Without annotations the compiler knows nothing of the options that a method takes apart.
  const options = /error TS2339: Property '\w+' does not exist on type '\{\}'/;
  const said = (await compile(t, { ...edge, ...files }, settings)).split('\n').filter((line) => !options.test(line));
  assert.deepEqual(said, ['']);

  const wrong = await compile(t, { ...edge, 'wrong.js': 'import "node:fs";\nprocess.exit();\nBuffer.from("");\nnew Headers();\nwindow.alert();' }, settings);
  assert.deepEqual(wrong.trim().split('\n').map((line) => line.match(/Cannot find [^.]*/)?.[0].replace(/ or type| Did.*/g, '')), [
    "Cannot find module declarations for side-effect import of 'node:fs'", "Cannot find name 'process'", "Cannot find name 'Buffer'", "Cannot find name 'Headers'", "Cannot find name 'window'",
  ]);
});
