// When does a run end though it has cases left?
#include "harness/program/run_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "harness/base/text.h"
#include "lab/lab_verbs.h"
#include "reports/words.h"

namespace holdfast {
namespace {

struct End {
  Millis left{0};  ///< from now
  std::string reason;
};

Result<End> end_of(const std::string& until) {
  if (const auto time = reports::from_iso_utc(until)) {
    const auto left = std::chrono::ceil<Millis>(*time - std::chrono::system_clock::now());
    return End{.left = std::max(Millis(0), left), .reason = "out of time: this run was to end by " + until};
  }
  const auto span = lab::parse_span(until);
  if (span) return End{.left = *span, .reason = "out of time: this run was to end after " + until};
  return usage_error(fmt::format("--until: '{}' is neither a span of time nor a time", printable(until)))
      .because("a span is 90s, 30m or 5h from now on, a time 2031-05-17T06:00:00Z");
}

}  // namespace

Result<std::unique_ptr<RunLimit>> RunLimit::start(const std::vector<std::string>& until, const Stop& program) {
  std::unique_ptr<RunLimit> limit(new RunLimit(TRY(Stop::create()), TRY(Stop::create())));
  std::optional<End> first;
  for (const std::string& one : until) {
    End end = TRY(end_of(one));
    if (!first || end.left < first->left) first = std::move(end);
  }
  if (first) limit->reason_ = first->reason;
  const Deadline end = first ? Deadline::after(first->left, &program) : Deadline::never(&program);
  limit->thread_ = std::jthread([&self = *limit, end] { self.watch(end); });
  return limit;
}

RunLimit::~RunLimit() { over_.request(); }

std::optional<std::string> RunLimit::out_of_time() const { return late_ ? std::optional(reason_) : std::nullopt; }

void RunLimit::watch(const Deadline& end) {
  const Wake woken = wait_readable(over_.fd(), end);
  late_ = woken == Wake::kDeadline;
  if (woken != Wake::kReady) stop_.request();
}

}  // namespace holdfast
