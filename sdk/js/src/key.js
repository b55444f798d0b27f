import { ArgumentError } from './errors.js';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const form = /^np_(?:live|test)_[0-9A-Za-z]{49}$/;
const checksumLength = 6;

/**
 * checkKey refuses a key that was mistyped or cut off: its last six characters are
 * the CRC-32 of all before them. The error doesn't quote the key.
 */
export function checkKey(key) {
  if (typeof key !== 'string' || key === '') {
    throw new ArgumentError('The API key is missing');
  }
  if (!form.test(key)) {
    throw new ArgumentError('The API key is malformed: it is np_live_ or np_test_ and 49 letters and digits');
  }
  if (base62(crc32(key.slice(0, -checksumLength))) !== key.slice(-checksumLength)) {
    throw new ArgumentError('The API key is mistyped: its checksum does not match');
  }
}

/** crc32 is the CRC-32 (IEEE) of an ASCII text. */
function crc32(text) {
  let crc = ~0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

/** base62 writes a number with six digits. */
function base62(number) {
  let text = '';
  for (let i = 0; i < checksumLength; i++) {
    text = digits[number % 62] + text;
    number = Math.floor(number / 62);
  }
  return text;
}
