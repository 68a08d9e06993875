// A step failed: was it the kernel, the lab or the harness?
#include "harness/diagnosis.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/crash/crash.h"

namespace holdfast {
namespace {

constexpr size_t kTailLines = 40;

Error with_story(Error judged, const Error& first, const Circumstances& circumstances) {
  judged.what = fmt::format("during {}: {}", to_string(circumstances.phase), judged.what);
  judged = std::move(judged).with("first error", fmt::format("{}: {}", first.type(), first.what));
  for (const Evidence& piece : first.evidence) judged.evidence.push_back(piece);
  if (!circumstances.console.empty()) {
    judged = std::move(judged).with("console", printable(last_lines(circumstances.console, kTailLines)));
  }
  return judged;
}

Error from_crash(const CrashFinding& finding) {
  return kernel_error(finding.kind, finding.title)
      .with("crash", finding.excerpt)
      .with("fingerprint", finding.fingerprint);
}

/// Nothing came from a machine that runs: what was the last sign of life?
Error from_silence(const Circumstances& circumstances) {
  if (circumstances.phase == Phase::kBoot || circumstances.phase == Phase::kWait) {
    if (circumstances.console.find(kAgentBanner) != std::string::npos) {
      return lab_error("link", "the agent is up in the guest but its link is not")
          .because("give the kernel CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_CONSOLE, built in or by --modules");
    }
    if (circumstances.phase == Phase::kBoot && trim(circumstances.console).empty()) {
      return lab_error("boot", "no byte came on the console");
    }
    return kernel_error("hang", "the kernel did not come up to its agent within the deadline");
  }
  return kernel_error("hang", "the kernel stopped answering");
}

bool is_silence(const Error& error) {
  return error.blame == Blame::kLab && (error.kind == "timeout" || error.kind == "link");
}

}  // namespace

Error judge(Error error, const Circumstances& circumstances) {
  if (error.kind == "stopped" || error.blame == Blame::kPlan) return error;
  if (circumstances.machine && circumstances.machine->blame != Blame::kKernel) {
    return with_story(*circumstances.machine, error, circumstances);
  }
  const auto crash = worst(find_crashes(circumstances.console));
  if (crash && crash->kind != "warn") return with_story(from_crash(*crash), error, circumstances);
  if (circumstances.machine) return with_story(*circumstances.machine, error, circumstances);
  if (is_silence(error)) return with_story(from_silence(circumstances), error, circumstances);
  if (crash) error = std::move(error).with("warning on the console", crash->excerpt);
  return std::move(error).in(fmt::format("during {}", to_string(circumstances.phase)));
}

}  // namespace holdfast
