// How do end-to-end tests run cases on a lab host while they break it?
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/e2e/metal/virtual_lab.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {

/// The shortest case with a kexec, and still shorter ones that come after it in the order of a run: they end in kernel
/// A.
inline constexpr const char* kHit = "Addresses.PlainKexecMovesNothing";
inline constexpr const char* kNext = "Binding.NativeDriverComesBack";
inline constexpr const char* kThird = "Preserve.DevNullIsRefused";
inline constexpr const char* kFourth = "Preserve.GroupFileIsRefused";
/// Their names in junit.xml.
inline constexpr const char* kHitReport = "Addresses.PlainKexecMovesNothing";
inline constexpr const char* kNextReport = "Binding.e1000e.NativeDriverComesBack";
inline constexpr const char* kThirdReport = "Preserve.DevNullIsRefused";
inline constexpr const char* kFourthReport = "Preserve.e1000e.GroupFileIsRefused";

/// A suite whose tests share one host; each leaves it as it was, whatever became of the test.
class Bench : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  /// Also fails the test when the host is not free, or a process of its runs is left.
  void TearDown() override;

  /// `holdfast run` of the first two cases above, or others, on the shared host; with device e1000e, unless `more`
  /// names some.
  static std::vector<std::string> run_words(const std::vector<std::string>& more = {}, const std::string& filter = "");
  static Output fault(const std::vector<std::string>& words) { return lab_->fault(words); }
  /// Waits until the case of this name has begun this phase in the program's run.
  testing::AssertionResult comes_to(const std::string& name, const std::string& phase) const;
  /// Waits until the journal has a line with all of these words.
  testing::AssertionResult is_told(const std::vector<std::string>& words) const;
  /// Waits until that rung was tried for nothing.
  testing::AssertionResult was_no_help(const std::string& rung) const {
    return is_told({"\"rung\":\"" + rung, "\"ok\":false"});
  }
  /// The run's end, what it said, and its reports.
  int end_of(Process& run) const;
  CaseReport report_of(const std::string& name) const;
  std::string said() const;
  /// "free", "held", "quarantined"...
  std::string state() const;
  /// In its own system, reached with its pinned key.
  static bool at_home();
  /// Healthy again through the lab's verb, out of quarantine.
  Output heal() const;
  std::filesystem::path leases() const { return state_.path() / "holdfast/leases"; }

  static std::unique_ptr<VirtualLab> lab_;
  const TempDir state_ = *TempDir::create("holdfast-state");
  const Program program_;
};

}  // namespace holdfast::e2e
