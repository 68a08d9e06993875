// How does a bisection build kernels and run cases: with what `kernel build` and `run` do?
#include "harness/program/kernel_workshop.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/program/program.h"
#include "reports/journal.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// What crash_watch wrote into the evidence of a crash.
std::string fingerprint_of(const Verdict& verdict) {
  constexpr std::string_view kLabel = "fingerprint: ";
  for (const Evidence& evidence : verdict.evidence) {
    if (evidence.name != "crash") continue;
    for (const std::string_view line : split(evidence.text, '\n')) {
      if (line.starts_with(kLabel)) return std::string(line.substr(kLabel.size()));
    }
  }
  return {};
}

/// The tree is at fault: it does not compile, or lacks what the configuration asks for.
bool about_the_tree(const Error& error) { return error.blame == Blame::kKernel || error.type() == "harness.usage"; }

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
  for (const Event& event : TRY(reports::read_journal(latest / "journal.jsonl")).events) {
    const auto* settled = std::get_if<CaseSettled>(&event);
    if (settled == nullptr) continue;
    results.push_back({.key = settled->id.key(),
                       .outcome = settled->verdict.outcome,
                       .type = settled->verdict.type,
                       .fingerprint = fingerprint_of(settled->verdict),
                       .message = settled->verdict.message});
  }
  return results;
}

Result<bisect::BuiltCommit> KernelWorkshop::build(const std::string& commit, const Deadline& deadline) {
  TRY(checkout_.go_to(commit, deadline));
  return build_tree(what_, checkout_.dir(), kernel_name_of(commit), deadline, progress_);
}

Result<bisect::BuiltCommit> KernelWorkshop::build_without(const std::string& tip, const std::string& culprit,
                                                          const Deadline& deadline) {
  TRY(checkout_.go_to(tip, deadline));
  if (!TRY(checkout_.revert(culprit, deadline))) {
    return bisect::BuiltCommit{.untestable = "it does not revert on top of what came later"};
  }
  return build_tree(what_, checkout_.dir(), kernel_name_of("without-" + culprit), deadline, progress_);
}

Result<std::vector<bisect::CaseResult>> KernelWorkshop::run(const std::string& kernel, const std::string& filter,
                                                            const Deadline& deadline) {
  return run_cases(what_, kernel, filter, runs_, deadline);
}

}  // namespace holdfast
