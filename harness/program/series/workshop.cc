// How are the kernels of a patch series built and tested: with what `kernel build` and `run` do?
#include "harness/program/series/workshop.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/program/kernel_workshop.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// Tells how many cases of a run are done while another process runs them. Stops when it is destroyed.
class CaseCounter {
 public:
  CaseCounter(fs::path journal, reports::Progress& progress, std::string what)
      : thread_([this, journal = std::move(journal), &progress, what = std::move(what)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!stop.stop_requested()) {
            progress.update(fmt::format("{}: {} cases done", what, settled_in(journal)));
            wake_.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
          }
        }) {}

 private:
  static size_t settled_in(const fs::path& journal) {
    const auto text = read_file(journal);
    if (!text) return 0;
    const auto lines = split(*text, '\n');
    return static_cast<size_t>(std::ranges::count_if(
        lines, [](std::string_view line) { return line.find("\"case-settled\"") != std::string_view::npos; }));
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

/// What a kernel consists of. The build-id is that of vmlinux; its loader's code and the modules are beside it.
Result<std::string> identity_of(const StoredKernel& kernel) {
  const std::string image = TRY(sha256_file(kernel.image()));
  return fmt::format("{} {} {}", kernel.build_id, image, kernel.modules().empty() ? "" : kernel.key);
}

}  // namespace

Result<series::BuiltState> SeriesWorkshop::build(const std::string& commit, const Deadline& deadline) {
  const std::string name = fmt::format("series-{}", commit.substr(0, 16));
  TRY(builder_.tree().go_to(commit, deadline));
  const ProgressSink show = [&](const Progress& now) {
    std::string state = fmt::format("{} {} {}", commit.substr(0, 12), now.step, now.detail);
    if (now.done > 0) state += fmt::format(" {}", now.done);
    progress_.update(state);
  };
  const StepBuild step = TRY(builder_.build({.name = name, .jobs = static_cast<unsigned>(what_.jobs)}, deadline, show));
  series::BuiltState built;
  if (!step.kernel) {
    built.untestable = "does not build: " + step.trouble;
    built.errors = step.errors;
    return built;
  }
  names_.push_back(name);
  built.kernel = name;
  built.build_id = step.kernel->build_id;
  built.identity = TRY(identity_of(*step.kernel));
  built.warnings = step.warnings;
  return built;
}

Result<series::CaseRun> SeriesWorkshop::run(const std::string& kernel, const std::string& filter,
                                            const Deadline& deadline) {
  const fs::path out = runs_ / kernel;
  std::error_code failed;
  fs::remove(out / "latest", failed);  // of an earlier run of this kernel: it would be counted
  const CaseCounter counter(out / "latest/journal.jsonl", progress_, kernel);
  series::CaseRun run;
  run.results = TRY(run_cases(what_, kernel, filter, out, deadline));
  run.folder = fs::canonical(out / "latest", failed);
  return run;
}

void SeriesWorkshop::drop_kernels() {
  for (const std::string& name : names_) static_cast<void>(kernel::rm(name).ok());
  names_.clear();
}

}  // namespace holdfast
