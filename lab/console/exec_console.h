// How does a program carry a console?
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/base/process.h"
#include "lab/console/console_source.h"

namespace holdfast::lab {

/// A program whose standard input and output are the console.
class ChildConsole : public ConsoleSource {
 public:
  Result<std::string> read() override;

 protected:
  ChildConsole() = default;
  /// Starts it with `theirs` as its standard input and output; `ours` is the other end.
  Result<void> launch(Command command, Fd ours, Fd theirs);
  Error ended(int errnum) override;
  /// What it wrote to its standard error, the newest few KiB.
  const std::string& complaints();
  void stop_program() {
    if (process_) process_->stop();
  }

 private:
  std::string name_;
  Fd stderr_;
  std::string complaints_;
  std::optional<Process> process_;
};

Result<std::unique_ptr<ConsoleSource>> open_exec(const std::vector<std::string>& argv);

}  // namespace holdfast::lab
