// Does a page work in a real browser? Prints a line of JSON: what was logged, what axe-core objects to, what the
// filters and the keyboard did. Screenshots go beside the page.
// usage: node look_at_page.mjs PAGE CHROMIUM, in a folder where the packages of package.json are installed.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [page_file, chromium] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), 'package.json'));
const puppeteer = require('puppeteer-core');
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'], timeout: 120000,
  protocolTimeout: 300000 });
const said = { console: [], requests: [], serious: [] };
try {
  for (const [scheme, width] of [['light', 1280], ['dark', 1280], ['light', 390], ['dark', 390]]) {
    const page = await browser.newPage();
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    page.on('console', message => said.console.push(message.text()));
    page.on('pageerror', error => said.console.push(String(error)));
    page.on('request', request => said.requests.push(request.url()));
    await page.goto('file://' + page_file);
    await page.screenshot({ path: `${page_file}.${scheme}-${width}.png` });
    said[`overflow-${width}`] = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    const told = () => page.$eval('output', one => one.textContent);
    if (scheme === 'light' && width === 1280 && await page.$('form')) {
      said.said = await told();
      if (await page.$('[name=device]')) {
        await page.select('[name=device]', 'nvme');
        said.said_of_device = await told();
        await page.select('[name=device]', '');
      }
      said.shown = await page.$$eval('.case:not([hidden])', all => all.length);
      const passed = await page.$('[name=verdict][value=passed]');
      if (passed) await passed.click();
      said.said_without_passed = await told();
      said.shown_without_passed = await page.$$eval('.case:not([hidden])', all => all.length);
      await page.keyboard.press('Escape');
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('/');
      said.slash_goes_to = await page.evaluate(() => document.activeElement.getAttribute('name'));
      await page.keyboard.type('no such case');
      said.shown_in_vain = await page.$$eval('.case:not([hidden])', all => all.length);
    }
    await page.close();
    // axe-core has to be put into the page, which the page's own policy rightly forbids.
    const checked = await browser.newPage();
    await checked.setBypassCSP(true);
    await checked.setViewport({ width, height: 900 });
    await checked.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await checked.goto('file://' + page_file);
    await checked.addScriptTag({ path: join(process.cwd(), 'node_modules/axe-core/axe.min.js') });
    // Cases are alike: of a large page the first ones are looked at, as are the lines behind all of them.
    await checked.evaluate(() => [...document.querySelectorAll('.case')].slice(20).forEach(one => one.remove()));
    const found = await checked.evaluate(() => axe.run());
    for (const one of found.violations) {
      if (['serious', 'critical'].includes(one.impact)) {
        said.serious.push(`${scheme} ${width}: ${one.id}: ${one.nodes[0].html.slice(0, 120)}`);
      }
    }
    said.checked = (said.checked ?? 0) + found.passes.length;
    await checked.close();
  }
} finally {
  await browser.close();
}
said.requests = said.requests.filter(url => !url.startsWith('file://' + page_file));
console.log(JSON.stringify(said));
