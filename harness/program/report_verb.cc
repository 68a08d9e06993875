// What does `holdfast report` print?
#include "harness/base/text.h"
#include "harness/program/program.h"
#include "reports/report_verbs.h"

namespace holdfast {
namespace {

/// The option parser let no other word and no other number of runs pass.
Result<reports::ReportAnswer> answer(const ReportOptions& options) {
  const auto& runs = options.runs;
  if (options.what == "html") return reports::report_html(runs.front(), options.out);
  if (options.what == "merge") return reports::report_merge(runs, options.out);
  if (options.what == "compare") return reports::report_compare(runs.front(), runs.back());
  if (options.what == "trend") return reports::report_trend(runs, options.out);
  if (options.what == "site") return reports::report_site(runs.front(), options.out);
  if (options.what == "flaky") return reports::report_flaky(runs);
  if (options.what == "kcidb") {
    return reports::report_kcidb(
        runs.front(), {.origin = options.origin, .build_id = options.build_id, .artifacts_url = options.artifacts_url});
  }
  return reports::report_summary(runs.front());
}

}  // namespace

Result<int> report_verb(Program& program, const ReportOptions& options) {
  const reports::ReportAnswer given = TRY(answer(options));
  print_lines(program.out, given.text);
  return given.exit_code;
}

}  // namespace holdfast
