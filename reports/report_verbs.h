// What does `holdfast report` do with runs that are over?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "reports/history/merge.h"
#include "reports/kcidb.h"

namespace holdfast::reports {

/// What goes to stdout, and the program's exit code.
struct ReportAnswer {
  std::string text;
  int exit_code = 0;
};

// A run is a run's folder, its journal.jsonl, or a JUnit file; where several are taken, also a folder with run folders
// in it. Errors of all: those of read_results, lab.io.

/// report html RUN [--out FILE]: writes FILE, or report.html into the run's folder. Text: the path.
Result<ReportAnswer> report_html(const std::filesystem::path& run, const std::filesystem::path& out);

/// report merge RUN... [--out DIR]: one report of several runs, by the rules of history/merge.h. With DIR: junit.xml,
/// summary.txt and report.html in it, and the summary as text; without: junit.xml as text. Exit code: that of a run
/// which had them all; 2 when a shard is missing and nothing failed. Errors: as fit_together() as well.
Result<ReportAnswer> report_merge(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out);

/// The reports of runs that were merged already, as report_merge() has them.
Result<ReportAnswer> write_merged(const MergedRuns& all, const std::filesystem::path& out);

/// report compare A B: what is different in B. Exit code 1 on new failures, else 2 when B could not judge what A did.
Result<ReportAnswer> report_compare(const std::filesystem::path& a, const std::filesystem::path& b);

/// report trend RUN... [--out FILE]: writes FILE, or trend.html here. Text: the steps that were found.
Result<ReportAnswer> report_trend(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out);

/// report flaky RUN...: how often each case failed, with what certainty. Exit code 1 when one is flaky.
Result<ReportAnswer> report_flaky(const std::vector<std::filesystem::path>& runs);

/// report site DIR [--out DIR]: writes pages about all runs in the folder, into DIR or its folder "site". Text: the
/// path of the first page.
Result<ReportAnswer> report_site(const std::filesystem::path& runs, const std::filesystem::path& out);

/// report kcidb RUN --origin NAME [--build-id ID] [--artifacts-url URL]: JSON for KernelCI.
Result<ReportAnswer> report_kcidb(const std::filesystem::path& run, const KcidbOptions& options);

/// report summary RUN: the run in a few lines for a mail, as summary.txt has it.
Result<ReportAnswer> report_summary(const std::filesystem::path& run);

}  // namespace holdfast::reports
