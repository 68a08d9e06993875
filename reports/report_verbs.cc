// What does `holdfast report` do with runs that are over?
#include "reports/report_verbs.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/file.h"
#include "reports/artifacts.h"
#include "reports/attempt_files.h"
#include "reports/history/comparison.h"
#include "reports/history/flakiness.h"
#include "reports/history/merge.h"
#include "reports/history/parts.h"
#include "reports/history/trend.h"
#include "reports/html/html_report.h"
#include "reports/junit.h"
#include "reports/site/site.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

Result<ReportAnswer> report_html(const fs::path& run, const fs::path& out) {
  const RunResults results = TRY(read_results(run, kMostDetailed));
  const fs::path file = TRY(absolute_path(out.empty() ? results.folder / "report.html" : out));
  TRY(write_file_atomic(file, run_page(results.record, results.phases, file.parent_path())));
  return ReportAnswer{.text = file.string() + "\n", .exit_code = 0};
}

Result<ReportAnswer> write_merged(const MergedRuns& all, const fs::path& out) {
  const RunRecord& record = all.record;
  const int code = record.ended() ? record.ended()->exit_code : 0;
  const fs::path base = TRY(absolute_path("."));
  if (out.empty()) return ReportAnswer{.text = junit_xml(record, "merged", base), .exit_code = code};
  const fs::path folder = TRY(absolute_path(out));
  TRY(make_dirs(folder));
  const std::string summary = summary_text(record, folder);
  TRY(write_junit_file(record, {.hostname = "merged", .attachments_base = base}, folder / "junit.xml"));
  TRY(write_file_atomic(folder / "summary.txt", summary));
  TRY(write_file_atomic(folder / "report.html", run_page(record, all.phases, folder)));
  return ReportAnswer{.text = summary, .exit_code = code};
}

Result<ReportAnswer> report_merge(const std::vector<fs::path>& runs, const fs::path& out) {
  std::vector<fs::path> files;
  for (const fs::path& run : TRY(runs_at(runs))) files.push_back(TRY(source_of_run(run)));
  std::vector<MergeSource> sources = TRY(merge_sources(files));
  // A part of a whole must not be taken for the whole: it is said in the report, and by the exit code.
  auto missing = TRY(fit_together(sources));
  return write_merged(TRY(merged(std::move(sources), {.enough_cases = kMostDetailed, .notes = std::move(missing)})),
                      out);
}

Result<ReportAnswer> report_compare(const fs::path& a, const fs::path& b) {
  const RunResults before = TRY(read_results(a));
  const RunResults after = TRY(read_results(b));
  const Comparison comparison = compare(before, after);
  return ReportAnswer{.text = comparison_text(comparison, before, after), .exit_code = comparison.exit_code()};
}

Result<ReportAnswer> report_trend(const std::vector<fs::path>& runs, const fs::path& out) {
  const Trend trend = trend_of(TRY(read_all_results(runs)));
  const fs::path file = TRY(absolute_path(out.empty() ? fs::path("trend.html") : out));
  TRY(write_file_atomic(file, trend_page(trend)));
  return ReportAnswer{.text = fmt::format("{}{}\n", trend_text(trend), file.string()), .exit_code = 0};
}

Result<ReportAnswer> report_flaky(const std::vector<fs::path>& runs) {
  const std::vector<RunResults> all = TRY(read_all_results(runs));
  const std::vector<CaseRate> rates = failure_rates(all);
  const bool flaky = !rates.empty() && rates.front().flaky();  // flaky ones come first
  return ReportAnswer{.text = rates_text(rates, all.size()), .exit_code = flaky ? 1 : 0};
}

Result<ReportAnswer> report_site(const fs::path& runs, const fs::path& out) {
  const std::vector<RunResults> all = TRY(read_all_results({runs}));
  const fs::path folder = TRY(absolute_path(out.empty() ? runs / "site" : out));
  TRY(write_site(all, folder));
  return ReportAnswer{.text = (folder / "index.html").string() + "\n", .exit_code = 0};
}

Result<ReportAnswer> report_kcidb(const fs::path& run, const KcidbOptions& options) {
  const RunResults results = TRY(read_results(run));
  const std::string text = TRY(kcidb_json(results, options));
  return ReportAnswer{.text = text, .exit_code = 0};
}

Result<ReportAnswer> report_summary(const fs::path& run) {
  const RunResults results = TRY(read_results(run));
  return ReportAnswer{.text = summary_text(results.record, results.folder), .exit_code = 0};
}

}  // namespace holdfast::reports
