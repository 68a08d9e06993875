// How do people see what came of all runs, night by night, host by host, case by case?
#include "reports/site/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/file.h"
#include "reports/attempt_files.h"
#include "reports/history/trend.h"
#include "reports/html/page.h"
#include "reports/nightly/night.h"
#include "reports/nightly/soak.h"
#include "reports/site/history_table.h"

namespace holdfast::reports {
namespace fs = std::filesystem;
namespace {

/// Columns of a table of cases by runs.
constexpr size_t kColumns = 20;

std::string property(const RunResults& run, const char* name) {
  const auto& all = run.record.started().properties;
  const auto found = all.find(name);
  return found == all.end() ? "" : found->second;
}

/// The day and the minute are enough in a table.
std::string short_time(const RunResults& run) {
  constexpr size_t kMinute = 16;  // "2001-09-24T05:06"
  std::string text = iso_utc(run.begun()).substr(0, kMinute);
  std::ranges::replace(text, 'T', ' ');
  return text;
}

Outcome outcome_of(const RunResults& run) {
  const Tally tally = run.record.tally();
  if (tally.failed > 0) return Outcome::kFailed;
  if (tally.errors > 0) return Outcome::kError;
  return tally.passed > 0 ? Outcome::kPassed : Outcome::kSkipped;
}

class Site {
 public:
  Site(const SiteHistory& history, fs::path folder) : history_(history), folder_(std::move(folder)) {}

  std::string index() const;
  std::string host(const std::string& name, const std::map<std::string, SiteCase>& cases) const;
  std::string of_case(const std::string& name, const SiteCase& results) const;

 private:
  void link_to_run(HtmlWriter& html, const RunResults& run, std::string_view text) const;
  void write_runs(HtmlWriter& html) const;
  void write_matrix(HtmlWriter& html, const std::map<std::string, SiteCase>& cases) const;
  void write_result(HtmlWriter& html, const SiteResult& result) const;

  const SiteHistory& history_;
  fs::path folder_;
};

void heading(HtmlWriter& html, std::initializer_list<std::string_view> titles) {
  const auto row = html.open("tr");
  for (const std::string_view title : titles) html.leaf("th", {{"scope", "col"}}, title);
}

void way_back(HtmlWriter& html) {
  const auto line = html.open("p");
  html.leaf("a", {HtmlAttribute::link_to("index.html")}, "all runs, hosts and cases");
}

void Site::link_to_run(HtmlWriter& html, const RunResults& run, std::string_view text) const {
  html.leaf("a", {HtmlAttribute::link_to((run.folder / "report.html").lexically_relative(folder_))}, text);
}

void Site::write_runs(HtmlWriter& html) const {
  html.leaf("h2", {}, "Runs");
  const auto scroll =
      html.open("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "runs"}});
  const auto table = html.open("table");
  heading(html, {"begun", "run", "plan", "", "came to", "took"});
  for (const RunResults* run : history_.runs) {
    const auto row = html.open("tr");
    html.leaf("td", {}, short_time(*run));
    {
      const auto cell = html.open("td");
      link_to_run(html, *run, run->name());
    }
    html.leaf("td", {}, property(*run, kNightPlan));
    {
      const auto cell = html.open("td");
      write_badge(html, outcome_of(*run));
    }
    const bool cut = !run->record.ended() || run->record.ended()->interrupted;
    html.leaf("td", {}, sentence(run->record.tally()) + (cut ? " (interrupted)" : ""));
    html.leaf("td", {}, duration(run->record.took()));
  }
}

void Site::write_matrix(HtmlWriter& html, const std::map<std::string, SiteCase>& cases) const {
  const auto scroll =
      html.open("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "cases by runs"}});
  const auto table = html.open("table", {{"class", "matrix"}});
  const size_t columns = std::min(kColumns, history_.runs.size());
  {
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "col"}}, "case");
    for (size_t i = 0; i < columns; ++i) {
      const auto head = html.open("th", {{"scope", "col"}});
      link_to_run(html, *history_.runs[i], short_time(*history_.runs[i]));
    }
  }
  for (const auto& [key, results] : cases) {
    const auto row = html.open("tr");
    {
      const auto head = html.open("th", {{"scope", "row"}});
      html.leaf("a", {HtmlAttribute::link_to(page_name("case", key))}, key);
    }
    for (size_t i = 0; i < columns; ++i) {
      const auto cell = html.open("td", {{"class", "cell"}});
      if (const SiteResult* worst = worst_of(results, *history_.runs[i])) {
        write_badge(html, worst->settled->verdict.outcome);
      }
    }
  }
}

std::string Site::index() const {
  return html_page("holdfast: runs", [&](HtmlWriter& html) {
    html.leaf("h1", {}, fmt::format("{} runs", history_.runs.size()));
    {
      const auto line = html.open("p", {{"class", "soft"}});
      html.text("Times and pass rate over these runs: ");
      html.leaf("a", {HtmlAttribute::link_to("trend.html")}, "trends");
    }
    write_runs(html);
    html.leaf("h2", {}, "Hosts");
    {
      const auto list = html.open("ul");
      for (const auto& [name, cases] : history_.hosts) {
        const auto item = html.open("li");
        html.leaf("a", {HtmlAttribute::link_to(page_name("host", name))}, name);
        html.text(fmt::format(" ({} cases)", cases.size()));
      }
    }
    html.leaf("h2", {}, "Cases");
    html.leaf("p", {{"class", "soft"}},
              "The worst result of each run, over all hosts and kernels; the newest run first.");
    write_matrix(html, history_.cases);
  });
}

std::string Site::host(const std::string& name, const std::map<std::string, SiteCase>& cases) const {
  return html_page("holdfast: host " + name, [&](HtmlWriter& html) {
    html.leaf("h1", {}, "Host " + name);
    way_back(html);
    write_matrix(html, cases);
  });
}

void Site::write_result(HtmlWriter& html, const SiteResult& result) const {
  const CaseSettled& settled = *result.settled;
  const auto row = html.open("tr");
  {
    const auto cell = html.open("td");
    link_to_run(html, *result.run, short_time(*result.run));
  }
  {
    const auto cell = html.open("td");
    write_badge(html, settled.verdict.outcome);
  }
  html.leaf("td", {}, short_seconds(took(settled)));
  const auto cell = html.open("td");
  if (settled.verdict.outcome != Outcome::kPassed) {
    html.leaf("span", {{"class", "why"}}, settled.verdict.type + ": " + settled.verdict.message);
  }
  for (const std::string& line : soak_lines(settled)) html.leaf("span", {{"class", "why"}}, line);
}

std::string Site::of_case(const std::string& name, const SiteCase& results) const {
  return html_page("holdfast: " + name, [&](HtmlWriter& html) {
    html.leaf("h1", {}, name);
    way_back(html);
    for (const auto& [suite, all] : results) {
      html.leaf("h2", {}, suite);
      const auto scroll =
          html.open("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", suite}});
      const auto table = html.open("table");
      heading(html, {"run", "", "s", "what came of it"});
      for (const SiteResult& one : all) write_result(html, one);
    }
  });
}

/// Pages of hosts and cases that are no longer there.
void remove_stale(const fs::path& folder, const std::set<std::string>& written) {
  std::error_code failed;
  std::vector<fs::path> stale;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    const bool page = (name.starts_with("case-") || name.starts_with("host-")) && name.ends_with(".html");
    if (page && !written.contains(name)) stale.push_back(it->path());
  }
  for (const fs::path& one : stale) fs::remove(one, failed);
}

}  // namespace

Result<void> write_site(const std::vector<RunResults>& runs, const fs::path& folder) {
  const fs::path whole = TRY(absolute_path(folder));
  TRY(make_dirs(whole));
  const SiteHistory history = site_history(runs);
  const Site site(history, whole);
  std::set<std::string> written;
  for (const auto& [name, cases] : history.hosts) {
    written.insert(page_name("host", name));
    TRY(write_file_atomic(whole / page_name("host", name), site.host(name, cases)));
  }
  for (const auto& [name, results] : history.cases) {
    written.insert(page_name("case", name));
    TRY(write_file_atomic(whole / page_name("case", name), site.of_case(name, results)));
  }
  TRY(write_file_atomic(whole / "trend.html", trend_page(trend_of(runs))));
  TRY(write_file_atomic(whole / "index.html", site.index()));
  remove_stale(whole, written);
  return {};
}

}  // namespace holdfast::reports
