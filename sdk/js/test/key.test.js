import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArgumentError, Client } from 'notpanel';
import { key } from '../testkit/panel.js';

const panel = 'https://panel.example';

test('a well-formed key is taken', () => {
  assert.ok(new Client(key, panel));
});

test('a key that was mistyped, cut off or left out is refused, and not shown', () => {
  const secondHalf = key.slice(20);
  for (const [wrong, says] of [
    [undefined, /missing/], ['', /missing/], [42, /missing/],
    [`${key} `, /malformed/], [key.slice(0, -1), /malformed/], [key.replace('live', 'life'), /malformed/], [key.replace('3', '-'), /malformed/],
    [key.replace('3', '4'), /checksum/], [`${key.slice(0, -1)}I`, /checksum/], [key.replace('live', 'test'), /checksum/],
  ]) {
    assert.throws(() => new Client(wrong, panel), (error) => {
      assert.ok(error instanceof ArgumentError);
      assert.match(error.message, says);
      assert.ok(!error.stack.includes(secondHalf));
      return true;
    });
  }
});

test('plain http is refused unless it stays on this machine', () => {
  for (const url of ['http://localhost:8080', 'http://127.0.0.1', 'http://127.9.9.9:1', 'http://[::1]:8080/', 'https://panel.example/sub/', new URL(panel)]) {
    assert.ok(new Client(key, url), String(url));
  }
  for (const url of ['http://panel.example', 'http://127.0.0.1.panel.example', 'http://localhost.example', 'ftp://127.0.0.1', 'http://10.0.0.1']) {
    assert.throws(() => new Client(key, url), { name: 'ArgumentError', message: /https/ }, url);
  }
});

test('an address that is none, or more than one, is refused', () => {
  for (const url of [undefined, '', 'panel.example', 'https://a:b@panel.example', 'https://panel.example/?x=1', 'https://panel.example/#x', 'https://panel.example/api/v2/']) {
    assert.throws(() => new Client(key, url), { name: 'ArgumentError', message: /address/ }, String(url));
  }
});

test('options that can\'t be right are refused', () => {
  for (const options of [{ timeout: 0 }, { timeout: 1.5 }, { maxRetries: -1 }, { maxRetries: NaN }, { retryDelay: 0 }, { timeout: 2 ** 31 }]) {
    assert.throws(() => new Client(key, panel, options), { name: 'ArgumentError' }, JSON.stringify(options));
  }
});
