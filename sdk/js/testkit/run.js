// Running programs and code from texts as somebody would who installed the library.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** root is the package's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** modules is where npm put what the tests need. */
export const modules = join(root, 'node_modules');

/** installed makes a folder in which the library is installed, and what else is given: {path: content}. */
export async function installed(t, files = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'notpanel-js-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'notpanel'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** blocks are the samples of a README in JavaScript. */
export async function blocks() {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  return [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
}

/** start starts Node; `ended` becomes {code, said}. */
export function start(args, { cwd = root, env = {} } = {}) {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, ...env } });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(([out, err, [code]]) => ({ code, said: out + err }));
  return { child, ended };
}

/** run runs Node to its end. */
export const run = (args, options) => start(args, options).ended;
