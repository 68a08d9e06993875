// What do other programs count in a junit.xml? Prints a line of JSON: {"<reader>": {"tests": N, ...}, ...}.
// usage: node read_junit.mjs JUNIT FOLDER-FOR-OUTPUT, in a folder where the packages of package.json are installed.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';

const [file, output] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), 'package.json'));

// junit2json has no entry for require(): by its path.
const { parse } = await import('file://' + join(process.cwd(), 'node_modules/junit2json/dist/esm/index.js'));
const whole = await parse(readFileSync(file, 'utf8'));
const cases = whole.testsuite.flatMap(suite => suite.testcase ?? []);
const having = member => cases.filter(one => one[member]?.length).length;

// Its own sums rest on an attribute that the strict schema does not allow; what it makes of each case is right.
const statuses = require('test-results-parser').parse({ type: 'junit', files: [file] })
  .suites.flatMap(suite => suite.cases.map(one => one.status));
const came_to = status => statuses.filter(one => one === status).length;

const merged = join(output, 'merged.xml');
await require('junit-report-merger').mergeFiles(merged, [file]);
const root = readFileSync(merged, 'utf8').match(/<testsuites[^>]*>/)[0];
const count = name => Number(root.match(new RegExp(` ${name}="(\\d+)"`))[1]);

const converted = join(output, 'ctrf.json');
execFileSync('node', ['node_modules/junit-to-ctrf/dist/cli.js', file, '-o', converted], { stdio: 'ignore' });
const { summary } = JSON.parse(readFileSync(converted, 'utf8')).results;

const page = join(output, 'viewer.html');
execFileSync('node', ['node_modules/xunit-viewer/bin/xunit-viewer.js', '-r', file, '-o', page], { stdio: 'ignore' });

console.log(JSON.stringify({
  junit2json: { tests: cases.length, failures: having('failure'), errors: having('error'), skipped: having('skipped') },
  'test-results-parser': { tests: statuses.length, passed: came_to('PASS'), skipped: came_to('SKIP') },
  'junit-report-merger': { tests: count('tests'), failures: count('failures'), errors: count('errors') },
  'junit-to-ctrf': { tests: summary.tests, passed: summary.passed, failed: summary.failed, skipped: summary.skipped },
  'xunit-viewer': { bytes: readFileSync(page).length },
}));
