// How long will the cases of a run take, by what an earlier run knows?
#include "reports/history/expected_times.h"

#include <system_error>

#include "harness/base/file.h"
#include "harness/event_codec.h"
#include "reports/history/run_results.h"

namespace holdfast::reports {

namespace {

ExpectedTimes times_in(const RunResults& results) {
  ExpectedTimes times;
  for (const auto& [name, suite] : results.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      if (!settled.attempts.empty()) times[{settled.target, id.key()}] = took(settled);
    }
  }
  return times;
}

}  // namespace

ExpectedTimes times_of_earlier_run(const std::filesystem::path& run) {
  constexpr std::uintmax_t kMost = std::uintmax_t{16} << 20;
  std::error_code failed;
  const auto size = std::filesystem::file_size(run / "journal.jsonl", failed);
  if (failed || size > kMost) return {};
  const auto results = read_results(run);
  if (!results) return {};
  return times_in(*results);
}

Result<ExpectedTimes> times_of_run(const std::filesystem::path& run) {
  std::error_code unknown;
  const bool holds_runs = std::filesystem::exists(run / "latest", unknown);
  return times_in(TRY(read_results(holds_runs ? run / "latest" : run)));
}

Result<void> write_times(const std::filesystem::path& file, const ExpectedTimes& times) {
  std::string text = encode(RunStarted{}) + "\n";
  for (const auto& [key, took] : times) {
    const auto& [target, name] = key;
    const size_t dot = name.find('.');
    const size_t slash = name.find('/');
    AttemptEnded attempt;
    attempt.where.target = target;
    attempt.where.id = {.suite = name.substr(0, dot),
                        .name = dot == std::string::npos ? "" : name.substr(dot + 1, slash - dot - 1),
                        .device = slash == std::string::npos ? "" : name.substr(slash + 1)};
    attempt.took = took;
    text += encode(CaseSettled{.suite = target,
                               .target = target,
                               .id = attempt.where.id,
                               .verdict = {},
                               .attempts = {attempt},
                               .phases = {},
                               .replay = {}}) +
            "\n";
  }
  return write_file_atomic(file, text);
}

}  // namespace holdfast::reports
