// What do all pages share: the frame, the style, the script?
#include "reports/html/page.h"

#include <fmt/format.h>

#include "reports/words.h"

namespace holdfast::reports {

namespace {

// Phases have the colours p0 to p13, in their order in a case. Contrast of text is at least 4.5 in both schemes.
constexpr HtmlLiteral kStyle = R"css(
:root { color-scheme: light dark; --bg: #ffffff; --fg: #1c2128; --soft: #57606a; --line: #d0d7de; --box: #f3f5f7;
  --link: #0b57d0; --bad: #a4161a; --good: #14602f; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14181d; --fg: #e3e8ee; --soft: #a3adb8; --line: #3a424c; --box: #1e242b; --link: #8ab4f8;
    --bad: #ff9a94; --good: #7ddc9a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .4rem 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.soft { color: var(--soft); }
.badge { display: inline-block; min-width: 4em; padding: 0 .5em; border-radius: .3em; text-align: center;
  font-size: .85em; font-weight: 700; color: #fff; background: #57606a; }
.badge.passed { background: #14602f; }
.badge.failed { background: #a4161a; }
.badge.error { background: #8a4600; }
.badge.flaky { background: #6b3fa0; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; padding: .7rem; border: 1px solid var(--line);
  border-radius: .4rem; background: var(--box); }
form[hidden] { display: none; }
fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem .9rem; }
legend { float: left; margin-right: .9rem; color: var(--soft); }
label { white-space: nowrap; }
select, input { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--soft); border-radius: .3rem;
  padding: .2rem .4rem; max-width: 100%; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; text-align: left; vertical-align: top; }
th { background: var(--box); font-weight: 600; }
td.cell { text-align: center; }
td.number { text-align: right; }
td.whole { white-space: nowrap; }
table.matrix th:first-child { position: sticky; left: 0; }
.cell a { text-decoration: none; }
.forbidden { color: var(--bad); font-weight: 600; }
.case { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .3rem .6rem; }
.case { content-visibility: auto; contain-intrinsic-size: auto 4rem; }
.many { margin: .4rem 0; }
.case[hidden], .many[hidden] { display: none; }
.case > summary, .many > summary { cursor: pointer; }
.case.failed, .case.flaky, .case.error { border-left: .4rem solid #a4161a; }
.case.error { border-left-color: #b56200; }
.case.flaky { border-left-color: #6b3fa0; }
.key { font-weight: 600; overflow-wrap: anywhere; }
.why { display: block; overflow-wrap: anywhere; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .3rem; padding: .5rem; overflow-x: auto;
  font: .85rem/1.4 ui-monospace, monospace; margin: .3rem 0; max-height: 40rem; }
pre mark { background: #ffd75e; color: #1c2128; }
svg { display: block; width: 100%; }
svg.chart { max-width: 52rem; }
svg text { fill: var(--fg); font: 12px system-ui, sans-serif; }
svg .axis { stroke: var(--line); }
svg .grid { stroke: var(--line); stroke-dasharray: 2 3; }
svg .curve { fill: none; stroke: var(--link); stroke-width: 2; }
svg .dot { fill: var(--link); }
svg .dot.bad { fill: var(--bad); }
svg .step { stroke: var(--bad); stroke-width: 2; }
svg .frame { fill: var(--box); }
svg .tick { fill: var(--link); }
svg .bad { stroke: var(--bad); stroke-width: 3; }
ul.phases { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .2rem 0 .6rem; padding: 0;
  font-size: .9rem; }
ul.phases svg { display: inline-block; width: .8em; height: .8em; }
.p0 { fill: #4269d0; } .p1 { fill: #9498a0; } .p2 { fill: #efb118; } .p3 { fill: #9c6b4e; } .p4 { fill: #3ca951; }
.p5 { fill: #97bbf5; } .p6 { fill: #ff725c; } .p7 { fill: #a463f2; } .p8 { fill: #6cc5b0; } .p9 { fill: #2f8f46; }
.p10 { fill: #b8860b; } .p11 { fill: #ff8ab7; } .p12 { fill: #707780; } .p13 { fill: #c0c4ca; }
@media print { form { display: none; } pre { max-height: none; white-space: pre-wrap; } }
@media (max-width: 40rem) { main { padding: .6rem; } dl.facts { grid-template-columns: 1fr; }
  dl.facts dd { margin-bottom: .4rem; }
  table { font-size: .8rem; } th, td { padding: .15rem .3rem; } svg.chart text { font-size: 18px; }
  table.matrix th[scope="row"] { min-width: 45vw; max-width: 45vw; overflow-wrap: anywhere; } table.matrix th:first-child { position: static; } }
)css";

// Filters hide cases by what stands in their data- attributes. Without a script everything is shown.
constexpr HtmlLiteral kScript = R"js(
'use strict';
const form = document.querySelector('form');
const cases = [...document.querySelectorAll('.case')];
function show(target) {
  if (!target) return;
  target.hidden = false;
  if (target.tagName === 'DETAILS') target.open = true;
  target.scrollIntoView();
}
if (form) {
  form.hidden = false;
  const words = new Map(cases.map(one => [one, (one.querySelector('summary') || one).textContent.toLowerCase()]));
  const many = [...document.querySelectorAll('.many')].map(group => {
    const pre = group.querySelector('pre');
    const lines = pre.textContent.split('\n').filter(line => line !== '');
    return { group, pre, count: group.querySelector('.count'), lines, shown: lines.length };
  });
  const total = many.reduce((sum, one) => sum + one.lines.length, cases.length);
  const chosen = key => {
    const select = form.elements[key];
    return select && select.selectedIndex > 0 ? select.value : null;
  };
  const fits = (one, key) => chosen(key) === null || one.dataset[key] === chosen(key);
  const device = line => {
    const name = line.split('  ', 1)[0];
    return name.includes('/') ? name.slice(name.lastIndexOf('/') + 1) : '';
  };
  // The lines of a group that fit are its text; one that has none is not shown.
  const applyToLines = (one, verdicts, text) => {
    const wanted = verdicts.has(one.group.dataset.verdict) && fits(one.group, 'suite') && fits(one.group, 'target');
    const role = chosen('device');
    const left = !wanted ? [] : text === '' && role === null ? one.lines : one.lines.filter(line =>
      (role === null || device(line) === role) && line.toLowerCase().includes(text));
    one.group.hidden = left.length === 0;
    if (left.length > 0 && left.length !== one.shown) {
      one.pre.textContent = left.join('\n') + '\n';
      one.count.textContent = left.length;
    }
    if (left.length > 0) one.shown = left.length;
    return left.length;
  };
  const apply = () => {
    const verdicts = new Set([...form.querySelectorAll('[name=verdict]:checked')].map(box => box.value));
    const text = form.elements.search.value.trim().toLowerCase();
    let shown = 0;
    for (const one of cases) {
      const all = ['device', 'suite', 'target'].every(key => fits(one, key));
      one.hidden = !(all && verdicts.has(one.dataset.verdict) && words.get(one).includes(text));
      shown += one.hidden ? 0 : 1;
    }
    for (const one of many) shown += applyToLines(one, verdicts, text);
    document.querySelector('output').textContent = `${shown} of ${total} cases shown`;
  };
  form.addEventListener('input', apply);
  form.addEventListener('submit', event => event.preventDefault());
  document.addEventListener('keydown', event => {
    const typing = ['INPUT', 'SELECT', 'TEXTAREA'].includes(document.activeElement.tagName);
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      form.elements.search.focus();
    }
  });
  apply();
}
const follow = () => { if (/^#c\d+$/.test(location.hash)) show(document.getElementById(location.hash.slice(1))); };
addEventListener('hashchange', follow);
follow();
)js";

}  // namespace

std::string html_page(std::string_view title, const std::function<void(HtmlWriter&)>& body) {
  HtmlWriter html;
  {
    const auto root = html.open("html", {{"lang", "en"}});
    {
      const auto head = html.open("head");
      html.single("meta", {{"charset", "utf-8"}});
      html.single("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
      html.single("meta",
                  {{"http-equiv", "Content-Security-Policy"},
                   {"content", fmt::format("default-src 'none'; base-uri 'none'; form-action 'none'; style-src {}; "
                                           "script-src {}",
                                           policy_hash(kStyle), policy_hash(kScript))}});
      html.leaf("title", {}, title);
      const auto style = html.open("style");
      html.verbatim(kStyle);
    }
    const auto whole = html.open("body");
    {
      const auto main = html.open("main");
      body(html);
    }
    const auto script = html.open("script");
    html.verbatim(kScript);
  }
  return std::move(html).take();
}

void write_badge(HtmlWriter& html, Outcome outcome) {
  html.leaf("span", {{"class", fmt::format("badge {}", to_string(outcome))}}, label(outcome));
}

}  // namespace holdfast::reports
