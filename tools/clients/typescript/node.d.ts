// What the sale uses of Node, so that its types need not be installed.
declare module 'node:fs' {
  export function readFileSync(file: number, encoding: 'utf8'): string;
}
declare const process: { argv: string[]; exit(code: number): never };
