// What does a run leave in its folder, besides what JUnit wants?
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/event.h"
#include "reports/phase_log.h"
#include "reports/record.h"
#include "reports/shared_record.h"
#include "reports/trouble.h"

namespace holdfast::reports {

/// Creates <out>/<stamp>-<id>/ and turns the symlink <out>/latest to it in one step, so that `latest` always leads to
/// a run. Gives the absolute path of the new folder. Errors: lab.io, also when the folder is there already or `latest`
/// is no symlink.
Result<std::filesystem::path> create_run_folder(const std::filesystem::path& out, std::string_view stamp,
                                                std::string_view id);

/// What the program knows about this run and no event says.
struct RunIdentity {
  std::string program_version;
  std::vector<std::string> argv;
  std::string host;
};

/// summary.txt: the run in a few lines that can be pasted into a mail.
std::string summary_text(const RunRecord& record, const std::filesystem::path& run_dir);

/// manifest.json: what ran, where and when, and what came of it. Without "ended" while the run goes on, and for ever
/// when it was killed.
std::string manifest_json(const RunRecord& record, const RunIdentity& identity, const std::string& started,
                          const std::string& ended);

/// Writes manifest.json at the start and at the end, summary.txt at the end, and timing.json and replay.sh into the
/// folder of each attempt. Must come before JunitReport among the sinks, which lists those folders.
class Artifacts : public EventSink {
 public:
  Artifacts(std::filesystem::path run_dir, RunIdentity identity, OnTrouble on_trouble,
            RunRecord::Now now = &WallClock::now, std::shared_ptr<const RunRecord> shared = nullptr);

  void on(const Event& event) override;

 private:
  void write_manifest();
  void write_timing(const AttemptEnded& attempt);
  void write_replay(const CaseSettled& settled);
  /// The attempt's folder, made if need be; an error for a path that leads out of the run's folder.
  Result<std::filesystem::path> folder_of(const AttemptEnded& attempt) const;

  std::filesystem::path run_dir_;
  RunIdentity identity_;
  Trouble trouble_;
  RunRecord::Now now_;
  ReportRecord record_;
  std::string started_;  ///< ISO time, or empty
  std::string ended_;
  PhaseLog phases_;  ///< of attempts under way
};

}  // namespace holdfast::reports
