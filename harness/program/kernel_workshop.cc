// How does a bisection build kernels and run cases: with what `kernel build` and `run` do?
#include "harness/program/kernel_workshop.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/crash/fingerprint.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "lab/inventory/inventory.h"
#include "reports/journal.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// The tree is at fault: it does not compile, or lacks what the configuration asks for.
bool about_the_tree(const Error& error) { return error.blame == Blame::kKernel || error.type() == "harness.usage"; }

/// Beside a running case a build leaves it a core, where there are several.
unsigned jobs_beside_a_run(int jobs) {
  const unsigned all = jobs > 0 ? static_cast<unsigned>(jobs) : std::max(1U, std::thread::hardware_concurrency());
  return std::max(1U, all - 1);
}

}  // namespace

std::string kernel_name_of(const std::string& commit) { return "bisect-" + commit.substr(0, 16); }

Result<bisect::BuiltCommit> build_tree(const CaseOnTree& what, const fs::path& dir, const std::string& label,
                                       const Deadline& deadline, const ProgressSink& progress) {
  const kernel::BuildOptions wanted{.cache = {},
                                    .tree = dir,
                                    .series = "none",
                                    .config = what.configs,
                                    .name = label,
                                    .jobs = static_cast<unsigned>(what.jobs)};
  auto built = kernel::build(wanted, deadline, progress);
  if (built) return bisect::BuiltCommit{.kernel = label, .build_id = built->kernel.build_id};
  if (!about_the_tree(built.error())) return std::move(built).error();
  return bisect::BuiltCommit{.untestable = "no kernel: " + built.error().what};
}

Result<std::vector<TargetProfile>> check_cases(const CaseOnTree& what) {
  const lab::Inventory inventory = TRY(lab::read_inventory(what.lab));
  const std::vector<std::string> names = what.target.empty() ? std::vector<std::string>{} : std::vector{what.target};
  const auto profiles = profiles_of(TRY(chosen_machines(known_machines(inventory, {}), names)));
  const Plan plan = TRY(make_plan(all_cases(), profiles, {.filter = what.filter}, {}));
  if (!plan.cases.empty()) return profiles;
  return usage_error(fmt::format("no case matches '{}'", what.filter)).because("`holdfast list cases` shows them all");
}

Result<std::vector<bisect::CaseResult>> run_cases(const CaseOnTree& what, const std::string& kernel,
                                                  const std::string& filter, const fs::path& out,
                                                  const Deadline& deadline) {
  Command command{.argv = {own_path().string(), "run", "--quiet", "--kernel=" + kernel, "--filter=" + filter,
                           "--out=" + out.string()}};
  if (!what.lab.empty()) command.argv.push_back("--lab=" + fs::absolute(what.lab).string());
  if (!what.target.empty()) command.argv.push_back("--target=" + what.target);
  command.argv.insert(command.argv.end(), what.words.begin(), what.words.end());
  const Output output = TRY(run(command, deadline));
  if (output.status.code == 130) return wait_error(Wake::kStopped, "the run of the case");
  if (output.status.code == 3) return usage_error(fmt::format("no case matches '{}'", filter));
  std::error_code failed;
  const fs::path latest = fs::canonical(out / "latest", failed);
  if (failed || (!output.status.success() && output.err.starts_with("error: "))) {
    return harness_error("run", fmt::format("{}: {}", shell_quote(command.argv), output.status.describe()))
        .with("output", output.out + output.err);
  }
  std::vector<bisect::CaseResult> results;
  std::map<std::string, bool> booted;  // by case, of its last attempt
  for (const Event& event : TRY(reports::read_journal(latest / "journal.jsonl")).events) {
    if (const auto* phase = std::get_if<PhaseEnded>(&event); phase != nullptr && phase->phase == "boot") {
      booted[phase->where.id.key()] = phase->ok;
    }
    const auto* settled = std::get_if<CaseSettled>(&event);
    if (settled == nullptr) continue;
    const auto boot = booted.find(settled->id.key());
    results.push_back({.key = settled->id.key(),
                       .outcome = settled->verdict.outcome,
                       .type = settled->verdict.type,
                       .fingerprint = fingerprint_of(settled->verdict),
                       .message = settled->verdict.message,
                       .boots = boot == booted.end() || boot->second});
  }
  return results;
}

Result<bisect::BuiltCommit> build_step(IncrementalBuild& builder, const StepWish& wish, const Deadline& deadline,
                                       const ProgressSink& progress) {
  const StepBuild step = TRY(builder.build(wish, deadline, progress));
  bisect::BuiltCommit built{.config_changes = step.config_changes};
  if (step.kernel) {
    built.kernel = wish.name;
    built.build_id = step.kernel->build_id;
  } else {
    built.untestable = "no kernel: " + step.trouble;
  }
  return built;
}

/// A build that goes on in a thread of its own, until it is waited for or given up.
class KernelWorkshop::Ahead {
 public:
  Ahead(std::string commit, Stop stop) : commit_(std::move(commit)), stop_(std::move(stop)) {}
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
  }

  void start(IncrementalBuild& builder, StepWish wish) {
    thread_ = std::thread([this, &builder, wish = std::move(wish)] {
      const auto began = std::chrono::steady_clock::now();
      const Deadline deadline = Deadline::never(&stop_);
      const auto went = builder.tree().go_to(commit_, deadline);
      built_ = went ? build_step(builder, wish, deadline, {}) : Result<bisect::BuiltCommit>(went.error());
      seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      done_.request();
    });
  }

  const std::string& commit() const { return commit_; }
  /// Waits for the end, which `deadline` may bring.
  Result<bisect::BuiltCommit> wait(const Deadline& deadline) {
    const auto began = std::chrono::steady_clock::now();
    const Wake wake = wait_readable(done_.fd(), deadline);
    if (wake != Wake::kReady) return wait_error(wake, "the build of " + commit_);
    thread_.join();
    const double waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (built_) built_->ahead_seconds = std::max(0.0, seconds_ - waited);
    return std::move(built_);
  }

 private:
  std::string commit_;
  Stop stop_;
  Stop done_ = *Stop::create();  // requested when there is nothing left to do
  std::thread thread_;
  Result<bisect::BuiltCommit> built_;
  double seconds_ = 0;
};

KernelWorkshop::KernelWorkshop(const CaseOnTree& what, IncrementalBuild& builder, fs::path runs, ProgressSink progress)
    : what_(what), builder_(builder), runs_(std::move(runs)), progress_(std::move(progress)) {}
KernelWorkshop::~KernelWorkshop() = default;

void KernelWorkshop::build_ahead(const std::string& commit) {
  if (ahead_ && ahead_->commit() == commit) return;
  ahead_.reset();
  auto stop = Stop::create();
  if (!stop) return;  // then it is built when it is asked for
  ahead_ = std::make_unique<Ahead>(commit, *std::move(stop));
  ahead_->start(builder_, {.name = kernel_name_of(commit), .jobs = jobs_beside_a_run(what_.jobs)});
}

Result<bisect::BuiltCommit> KernelWorkshop::build(const std::string& commit, const Deadline& deadline) {
  if (ahead_ && ahead_->commit() == commit) {
    const auto ahead = std::move(ahead_);
    return ahead->wait(deadline);
  }
  ahead_.reset();
  return build_now(commit, deadline);
}

Result<bisect::BuiltCommit> KernelWorkshop::build_now(const std::string& commit, const Deadline& deadline) {
  TRY(builder_.tree().go_to(commit, deadline));
  return build_step(builder_, {.name = kernel_name_of(commit)}, deadline, progress_);
}

Result<bisect::BuiltCommit> KernelWorkshop::build_without(const std::string& tip, const std::string& culprit,
                                                          const Deadline& deadline) {
  ahead_.reset();
  TRY(builder_.tree().go_to(tip, deadline));
  if (!TRY(builder_.tree().revert(culprit, deadline))) {
    return bisect::BuiltCommit{.untestable = "it does not revert on top of what came later"};
  }
  return build_step(builder_, {.name = kernel_name_of("without-" + culprit)}, deadline, progress_);
}

Result<std::vector<bisect::CaseResult>> KernelWorkshop::run(const std::string& kernel, const std::string& filter,
                                                            const Deadline& deadline) {
  return run_cases(what_, kernel, filter, runs_, deadline);
}

}  // namespace holdfast
