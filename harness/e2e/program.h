// How do end-to-end tests drive the built program, as a user would?
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/process.h"

namespace holdfast::e2e {

/// What one run said of a case.
struct CaseReport {
  std::string verdict;  ///< passed, failure, error or skipped
  std::string type;     ///< "lab.vm-killed"
  std::string message;
  std::string text;
};

/// Reads a junit.xml back: "<classname>.<name>" to what it says.
std::map<std::string, CaseReport> read_junit(const std::filesystem::path& file);

/// The same, each as one line: "failure kernel.oops: BUG: ...", without times and evidence.
std::map<std::string, std::string> verdicts_in(const std::filesystem::path& junit);

/// A folder for one test's runs, and the program with HOLDFAST_OUT set to it.
class Program {
 public:
  Program();

  /// Runs it to its end. `limit` is generous: an end-to-end test is no benchmark.
  Output run(std::vector<std::string> args, Millis limit = Millis(600'000)) const;
  /// Starts it and lets it go on; its output goes to output_file().
  Process start(std::vector<std::string> args) const;

  std::filesystem::path latest() const { return dir_.path() / "latest"; }
  std::filesystem::path output_file() const { return dir_.path() / "output"; }
  std::filesystem::path junit() const { return latest() / "junit.xml"; }
  std::string journal() const;
  /// Waits until the journal satisfies `look`; false after `limit`.
  bool wait_for_journal(const std::function<bool(const std::string&)>& look, Millis limit = Millis(120'000)) const;

 private:
  std::vector<std::string> argv(std::vector<std::string> args) const;
  TempDir dir_;
};

/// Processes whose command line has `text` in it, this one and zombies left out.
std::vector<pid_t> processes_with(const std::string& text);
/// All of a process's descendants.
std::vector<pid_t> descendants_of(pid_t pid);
/// Waits until none of `pids` exists; false after `limit`.
bool all_gone(const std::vector<pid_t>& pids, Millis limit = Millis(10'000));

}  // namespace holdfast::e2e
