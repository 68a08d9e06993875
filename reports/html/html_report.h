// How does a person see what came of a run?
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "reports/phase_log.h"
#include "reports/record.h"
#include "reports/shared_record.h"
#include "reports/trouble.h"

namespace holdfast::reports {

/// Cases beyond these, the most urgent counted first, get a line of text: a page of many thousands must still open.
inline constexpr size_t kMostDetailed = 2000;
/// Failures that are shown open; the others open when they are asked for.
inline constexpr size_t kMostOpen = 20;

/// The run as one HTML file: the verdict first, then filters, a matrix of case by device and kernel, and each case with
/// its time line and what it rests on. Loads nothing and needs no network. `page_folder` is where it will lie: links to
/// the run's files are made from there.
std::string run_page(const RunRecord& record, const PhaseLog& phases, const std::filesystem::path& page_folder);

/// Writes report.html when the run ends.
class HtmlReport : public EventSink {
 public:
  HtmlReport(std::filesystem::path file, OnTrouble on_trouble, RunRecord::Now now = &WallClock::now,
             std::shared_ptr<const RunRecord> shared = nullptr);

  void on(const Event& event) override;

 private:
  std::filesystem::path file_;
  Trouble trouble_;
  ReportRecord record_;
  PhaseLog phases_;
};

}  // namespace holdfast::reports
