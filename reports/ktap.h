// How do the kernel's own tools follow a run?
#pragma once

#include <functional>
#include <string>

#include "harness/event.h"

namespace holdfast::reports {

/// Tells a run as KTAP, a result line per case as soon as it is settled, with what a reader needs of a failure in
/// diagnostic lines in front of it. A kernel failure (a flaky case among them) is "not ok", a lab or harness error
/// "not ok ... # ERROR", a skip "ok ... # SKIP" with the reason.
///
/// The plan line counts all cases, so a run that was cut short is seen as one whose results are missing.
/// Source: Documentation/dev-tools/ktap.rst, version 1.
class KtapReport : public EventSink {
 public:
  /// Takes a line without its newline.
  using WriteLine = std::function<void(const std::string&)>;
  explicit KtapReport(WriteLine write) : write_(std::move(write)) {}

  void on(const Event& event) override;

 private:
  void settled(const CaseSettled& settled);
  /// Text of several lines, each as a diagnostic.
  void diagnose(const std::string& text);

  WriteLine write_;
  int number_ = 0;
};

}  // namespace holdfast::reports
