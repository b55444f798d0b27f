// All that the library may use of the runtime, beside the language itself.
declare const globalThis: { fetch(url: string, init: object): Promise<any> };
declare const crypto: {
  randomUUID(): string;
  subtle: {
    importKey(format: 'raw', key: Uint8Array, algorithm: object, extractable: boolean, uses: string[]): Promise<object>;
    sign(algorithm: 'HMAC', key: object, data: Uint8Array): Promise<ArrayBuffer>;
  };
};
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  decode(bytes?: Uint8Array, options?: { stream: boolean }): string;
}
declare class URL {
  constructor(url: string);
  readonly protocol: string;
  readonly hostname: string;
  readonly username: string;
  readonly password: string;
  readonly search: string;
  readonly hash: string;
  readonly pathname: string;
  readonly origin: string;
}
declare class URLSearchParams {
  constructor(fields: Record<string, string>);
  set(name: string, value: string): void;
  toString(): string;
}
declare class AbortController {
  readonly signal: object;
  abort(): void;
}
declare function setTimeout(callback: () => void, milliseconds: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare function atob(text: string): string;
