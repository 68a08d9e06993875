// How do CI servers learn what came of the run?
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/event.h"
#include "reports/record.h"
#include "reports/shared_record.h"
#include "reports/trouble.h"

namespace holdfast::reports {

/// How much evidence stands in the XML under one case.
inline constexpr size_t kCaseTextLimit = size_t{64} << 10;

/// Which readers a document is for.
enum class JunitDialect {
  kStrict,    ///< those that hold it against junit-10.xsd
  kExtended,  ///< those that take more: file, line and properties of each <testcase>, all skips counted in one place
};

/// What a document is written with besides the record: a suite's fact "hostname" goes before `hostname`;
/// `attachments_base` is the folder that paths of attached files are relative to, when they are below it.
struct JunitSetting {
  std::string hostname;
  std::filesystem::path attachments_base;
  JunitDialect dialect = JunitDialect::kStrict;
};

/// Takes the next piece of a text.
using TextSink = std::function<void(std::string_view)>;

/// The record as a JUnit document: one <testsuite> per suite, cases in ReportOrder, everything that changes from run to
/// run in <properties>. A strict one conforms to the junit-10.xsd of the Jenkins xunit plugin, and so has no properties
/// on a <testcase>: a case's own are the suite's, under names that begin with the case's. In an extended one they stand
/// with the case, and its "case.file" and "case.line" are attributes. The document is never held as a whole.
void write_junit(const RunRecord& record, const JunitSetting& setting, const TextSink& out);

/// The same into a file, in one step.
Result<void> write_junit_file(const RunRecord& record, const JunitSetting& setting, const std::filesystem::path& path);

/// The same as a text.
std::string junit_xml(const RunRecord& record, const std::string& hostname,
                      const std::filesystem::path& attachments_base, JunitDialect dialect = JunitDialect::kStrict);

/// Writes junit.xml again and again while the run goes on, in one step each time, so that whoever reads it, and
/// whenever, reads a whole document of what was settled by then.
///
/// A rewrite costs time in proportion to all cases settled so far. Up to kAlwaysRewrite cases it comes after each of
/// them; beyond, only after a pause of kPauseFactor times what the last one took, so that reports never cost more than
/// a twentieth of the run. What is put off is written with the next event for which the pause is over, and always at
/// RunEnded: only a program that is killed leaves a document without the last cases, and the journal has those.
class JunitReport : public EventSink {
 public:
  static constexpr size_t kAlwaysRewrite = 64;
  static constexpr int kPauseFactor = 20;

  /// `file` is junit.xml itself; the folders above it must exist when the first case is settled.
  JunitReport(std::filesystem::path file, OnTrouble on_trouble, RunRecord::Now now = &WallClock::now,
              JunitDialect dialect = JunitDialect::kStrict, std::shared_ptr<const RunRecord> shared = nullptr);

  void on(const Event& event) override;

  /// How often the file was written.
  int rewrites() const { return rewrites_; }

 private:
  void rewrite();

  using Steady = std::chrono::steady_clock;
  std::filesystem::path file_;
  std::string hostname_;
  JunitDialect dialect_;
  Trouble trouble_;
  ReportRecord record_;
  size_t settled_ = 0;
  bool stale_ = false;  ///< the file lacks something that is in the record
  int rewrites_ = 0;
  Steady::time_point not_before_;
};

}  // namespace holdfast::reports
