// Rules for the scripts of templates/ and their tests; `make check` applies them where node is.
//
// The parts of a HIT's page, templates/page/*.js, run as one function (mturk/page/pages.py): what one declares, all
// may use. So each is linted as it runs, with the others around it, and what is found is shown at its own lines.
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import js from '@eslint/js';
import globals from 'globals';

const FOLDER = path.join(import.meta.dirname, 'templates', 'page');
const PARTS = readdirSync(FOLDER).filter(name => name.endsWith('.js'));
// These use nothing of the page and of the browser: tests/page runs them by themselves.
const PURE = ['trials.js', 'refresh.js', 'progress.js'];
const HEAD = "(() => {\n'use strict';\n";

const lineCount = text => text.split('\n').length - 1;

const together = {
  meta: {name: 'parts-of-one-function', version: '1'},
  preprocess(text, filename) {
    const name = path.basename(filename);
    const sources = PARTS.map(part => (part === name ? text : readFileSync(path.join(FOLDER, part), 'utf8')));
    const before = sources.slice(0, PARTS.indexOf(name)).join('');
    together.places.set(filename, [lineCount(HEAD + before), lineCount(text)]);
    const whole = {text: HEAD + sources.join('') + '})();\n', filename: 'whole.js'};
    // A text unlike the file's own, for which eslint would not look up the rules again.
    const alone = {text: text + '\n', filename: 'alone.js'};
    return PURE.includes(name) ? [whole, alone] : [whole];
  },
  postprocess([whole, alone = []], filename) {
    const [first, lines] = together.places.get(filename);
    const moved = whole.map(message => ({
      ruleId: message.ruleId,
      severity: message.severity,
      message: message.message,
      line: message.line - first,
      column: message.column,
    }));
    return [...moved.filter(({line}) => line > 0 && line <= lines), ...alone];
  },
  places: new Map(),
};

const shape = {
  complexity: ['error', 12],
  'no-inline-comments': 'error',
  'max-len': ['error', {code: 120}],
  'max-lines-per-function': ['error', {max: 40, skipComments: true}],
};
const careful = {
  ...js.configs.recommended.rules,
  eqeqeq: 'error',
  'no-var': 'error',
  'prefer-const': 'error',
};
const pure = {
  'max-lines': ['error', 400],
  'no-undef': 'error',
  'no-restricted-globals': ['error', 'Date'],
  'no-restricted-properties': ['error', {object: 'Math', property: 'random'}],
};
// What a participant's browser must understand.
const script = {ecmaVersion: 2020, sourceType: 'script'};
const inBrowser = {languageOptions: {...script, globals: globals.browser}, rules: {...careful, ...shape}};
const inNode = {
  languageOptions: {ecmaVersion: 2024, sourceType: 'module', globals: globals.nodeBuiltin},
  rules: {...careful, ...shape},
};

export default [
  {linterOptions: {reportUnusedDisableDirectives: 'error'}},
  {files: ['templates/page/*.js'], processor: together},
  {files: ['templates/page/*.js/*_whole.js'], ...inBrowser},
  {files: ['templates/page/*.js/*_alone.js'], languageOptions: script, rules: pure},
  {files: ['templates/site/*.js'], ...inBrowser},
  {files: ['eslint.config.js', 'tests/page/*.js'], ...inNode},
];
