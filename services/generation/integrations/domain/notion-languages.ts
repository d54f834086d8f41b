/** The languages that Notion knows for code, with `_` for a space. Others are refused. */
export const NOTION_LANGUAGES: ReadonlySet<string> = new Set(
  `abap abc agda arduino ascii_art assembly bash basic bnf c c# c++ clojure coffeescript coq css dart dhall
   diff docker ebnf elixir elm erlang f# flow fortran gherkin glsl go graphql groovy haskell hcl html idris
   java javascript json julia kotlin latex less lisp livescript llvm_ir lua makefile markdown markup matlab
   mathematica mermaid nix notion_formula objective-c ocaml pascal perl php powershell prolog protobuf
   purescript python r racket reason ruby rust sass scala scheme scss shell smalltalk solidity sql swift toml
   typescript vb.net verilog vhdl visual_basic webassembly xml yaml java/c/c++/c# plain_text`
    .split(/\s+/)
    .map((name) => name.replaceAll('_', ' ')),
);

const SHORT_NAMES: Readonly<Record<string, string>> = {
  cpp: 'c++',
  cs: 'c#',
  csharp: 'c#',
  dockerfile: 'docker',
  js: 'javascript',
  jsx: 'javascript',
  kt: 'kotlin',
  md: 'markdown',
  objc: 'objective-c',
  ps1: 'powershell',
  py: 'python',
  rb: 'ruby',
  rs: 'rust',
  sh: 'shell',
  tex: 'latex',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
  zsh: 'shell',
};

/** @param info what follows the fence in Markdown, such as `ts` or `python title="a.py"`. */
export function notionLanguage(info: string): string {
  const [word = ''] = info
    .trim()
    .toLowerCase()
    .split(/[\s,{]/, 1);
  const name = SHORT_NAMES[word] ?? word;
  return NOTION_LANGUAGES.has(name) ? name : 'plain text';
}
