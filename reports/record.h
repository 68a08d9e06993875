// What has the run told so far, in the order in which reports show it?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/event.h"
#include "reports/words.h"

namespace holdfast::reports {

/// How much of one piece of evidence a report keeps; the whole of it is in the attempt's folder.
inline constexpr size_t kEvidenceLimit = size_t{16} << 10;
/// How much evidence a report keeps over all cases. Past it each piece is cut to kLateEvidenceLimit, so that a run in
/// which everything fails leaves a report that can still be opened.
inline constexpr size_t kReportLimit = size_t{16} << 20;
inline constexpr size_t kLateEvidenceLimit = 512;

/// Orders cases as reports list them: by class name, then name. Nothing in it depends on which case finished first.
struct ReportOrder {
  bool operator()(const CaseId& a, const CaseId& b) const;
};

/// One suite: the cases of one target with one pair of kernels.
struct SuiteRecord {
  Properties facts;
  WallClock::time_point begun;  ///< when the suite was first heard of
  std::map<CaseId, CaseSettled, ReportOrder> cases;

  Tally tally() const;
  std::chrono::milliseconds took() const;  ///< sum over its cases
};

/// How long all attempts at a case took together.
std::chrono::milliseconds took(const CaseSettled& settled);

/// Collects a run's events. Any order of events is taken as it comes. Not thread-safe.
class RunRecord {
 public:
  using Now = std::function<WallClock::time_point()>;
  explicit RunRecord(Now now = &WallClock::now) : now_(std::move(now)) {}

  /// A case that is settled a second time in its suite (a repeated run) becomes one case: the attempts are put
  /// together and settled anew, so that a name stands once in a report.
  void add(const Event& event);
  /// The same, with less to copy.
  void add(Event&& event);

  const RunStarted& started() const { return started_; }
  const std::optional<RunEnded>& ended() const { return ended_; }
  const std::map<std::string, SuiteRecord>& suites() const { return suites_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// What was done to bring the suite's target back, in order.
  std::vector<std::string> recoveries(const std::string& suite) const;
  /// Of the cases settled so far.
  Tally tally() const;
  /// As RunEnded says it; until then the sum over all cases.
  std::chrono::milliseconds took() const;

 private:
  SuiteRecord& suite(const std::string& name);
  void add_settled(CaseSettled settled);
  void cap(Verdict& verdict, const std::string& dir);

  Now now_;
  RunStarted started_;
  std::optional<RunEnded> ended_;
  std::map<std::string, SuiteRecord> suites_;
  std::vector<std::string> warnings_;
  std::map<std::string, std::vector<std::string>> recoveries_;  ///< by target
  size_t evidence_bytes_ = 0;
};

}  // namespace holdfast::reports
