// How long will the cases of a run take, by what an earlier run knows?
#include "reports/history/expected_times.h"

#include <system_error>

#include "reports/history/run_results.h"

namespace holdfast::reports {

ExpectedTimes times_of_earlier_run(const std::filesystem::path& run) {
  constexpr std::uintmax_t kMost = std::uintmax_t{16} << 20;
  std::error_code failed;
  const auto size = std::filesystem::file_size(run / "journal.jsonl", failed);
  if (failed || size > kMost) return {};
  const auto results = read_results(run);
  if (!results) return {};
  ExpectedTimes times;
  for (const auto& [name, suite] : results->record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      if (!settled.attempts.empty()) times[{settled.target, id.key()}] = took(settled);
    }
  }
  return times;
}

}  // namespace holdfast::reports
