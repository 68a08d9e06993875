// A step failed: was it the kernel, the lab or the harness?
#include "harness/diagnosis.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/crash/crash_watch.h"

namespace holdfast {
namespace {

constexpr size_t kTailLines = 40;
/// Of a kernel that leaves for the next (kernel/kexec_core.c).
constexpr std::string_view kLastWords = "Starting new kernel";

Error with_story(Error judged, const Error& first, const Circumstances& circumstances) {
  judged.what = fmt::format("during {}: {}", to_string(circumstances.phase), judged.what);
  judged = std::move(judged).with("first error", fmt::format("{}: {}", first.type(), first.what));
  for (const Evidence& piece : first.evidence) judged.evidence.push_back(piece);
  if (!circumstances.console.empty()) {
    judged = std::move(judged).with("console", printable(last_lines(circumstances.console, kTailLines)));
  }
  return judged;
}

Error with_crashes(Error error, const Circumstances& circumstances) {
  for (Evidence& piece : evidence_of(circumstances.crashes)) error.evidence.push_back(std::move(piece));
  return error;
}

/// A kernel must panic when its process 1 ends. The status is that of wait(2): without a signal in its low bits the
/// process has ended by its own will. (kernel/exit.c of Linux 7.3, do_exit(); a crash may well be the kernel's doing.)
bool ended_by_itself(const CrashFinding& crash) {
  constexpr std::string_view kWords = "Attempted to kill init! exitcode=0x";
  constexpr uint64_t kSignalBits = 0x7f;
  const size_t at = crash.title.find(kWords);
  if (at == std::string::npos) return false;
  const std::string_view digits = std::string_view(crash.title).substr(at + kWords.size());
  const auto status = parse_u64(digits.substr(0, digits.find_first_not_of("0123456789abcdef")), 16);
  return status && (*status & kSignalBits) == 0;
}

/// It printed no crash and never came to its agent. A kernel that dies early has no console yet to say so.
Error no_agent(const Circumstances& circumstances) {
  constexpr size_t kWidth = 160;
  const std::string_view last = trim(last_lines(trim(circumstances.console), 1));
  const bool mute = last.empty() || last.find(kLastWords) != std::string_view::npos;
  const std::string words =
      mute ? "it said nothing at all" : fmt::format("its last words: {}", printable(last.substr(0, kWidth)));
  const std::string_view flag = circumstances.phase == Phase::kBoot ? "--append" : "--next-append";
  return kernel_error("hang", fmt::format("the kernel did not come up to its agent within the deadline; {}", words))
      .because(fmt::format("{} 'earlyprintk=ttyS0 loglevel=8' shows what it says before its console is up", flag));
}

/// What the agent said last, as init of a machine whose network does not come up; empty: it said nothing.
std::string_view complaint_of_agent(std::string_view console) {
  const size_t kexec = console.rfind(kLastWords);
  const std::string_view own = kexec == std::string_view::npos ? console : console.substr(kexec);
  const size_t at = own.rfind(kAgentWords);
  if (at == std::string_view::npos) return {};
  const std::string_view words = own.substr(at + kAgentWords.size());
  return trim(words.substr(0, words.find('\n')));
}

/// An agent that came up and is not heard of, from what stands behind its banner: that of a host says at which address
/// it is ("up at 192.0.2.7/24, boot_id ..."), that of a virtual machine has no network.
Error cannot_be_reached(std::string_view behind_banner) {
  constexpr std::string_view kAt = " at ";
  if (!behind_banner.starts_with(kAt)) {
    return lab_error("link", "the agent is up in the guest but its link is not")
        .because("give the kernel CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_CONSOLE, built in or by --modules");
  }
  const std::string_view rest = behind_banner.substr(kAt.size());
  const std::string_view address = trim(rest.substr(0, rest.find_first_of(",\r\n")));
  return lab_error("link", fmt::format("the kernel runs, and its agent is up at {}, but it cannot be reached there",
                                       printable(address)))
      .because("look at the network between here and the host, and whether the kernel's driver works the card");
}

/// Nothing came from a machine that runs: what was the last sign of life?
Error from_silence(const Circumstances& circumstances) {
  if (circumstances.agent && circumstances.agent->coming_up) {
    return lab_error("link",
                     "the kernel runs and its agent has begun, as it says on the console, but does not come as "
                     "far as its link")
        .because("give the kernel CONFIG_VIRTIO_PCI and CONFIG_VIRTIO_CONSOLE, built in or by --modules");
  }
  if (circumstances.agent && !circumstances.agent->idle) {
    return kernel_error("hang", fmt::format("the agent does not come back from the kernel: on the console it says that "
                                            "it is {}",
                                            circumstances.agent->doing));
  }
  if (circumstances.agent) {
    return lab_error("link", "the kernel runs and its agent waits, as it says on the console, but its link is gone")
        .because("look at the network between here and the host: its cable, its switch port, its address");
  }
  if (circumstances.phase == Phase::kBoot || circumstances.phase == Phase::kWait) {
    if (const size_t up = circumstances.console.rfind(kAgentBanner); up != std::string::npos) {
      return cannot_be_reached(std::string_view(circumstances.console).substr(up + kAgentBanner.size()));
    }
    if (const std::string_view complaint = complaint_of_agent(circumstances.console); !complaint.empty()) {
      return lab_error("link", fmt::format("the kernel runs and so does its agent, which cannot be reached: {}",
                                           printable(complaint)))
          .because("give the kernel the management card's driver, built in or by the payload; or it does not work");
    }
    if (circumstances.phase == Phase::kBoot && trim(circumstances.console).empty()) {
      return lab_error("boot", "no byte came on the console");
    }
    return no_agent(circumstances);
  }
  return kernel_error("hang", "the kernel stopped answering");
}

}  // namespace

bool is_silence(const Error& error) {
  return error.blame == Blame::kLab && (error.kind == "timeout" || error.kind == "link");
}

std::optional<Error> crash_error(const std::vector<CrashFinding>& crashes) {
  const auto crash = worst(crashes);
  if (!crash) return std::nullopt;
  Error error =
      ended_by_itself(*crash)
          ? harness_error("agent-ended", fmt::format("process 1, which is the agent where a machine was booted "
                                                     "with it, ended by itself; so the kernel had to: {}",
                                                     headline(*crash)))
          : kernel_error(verdict_kind(*crash), headline(*crash));
  // The one that says most comes first: it is the one that a terminal shows.
  std::vector<CrashFinding> ordered{*crash};
  ordered.insert(ordered.end(), crashes.begin(), crashes.end());
  error.evidence = evidence_of(ordered);
  return error;
}

Error judge(Error error, const Circumstances& circumstances) {
  if (error.kind == "stopped" || error.blame == Blame::kPlan) return error;
  const auto told = [&](Error judged) { return with_story(std::move(judged), error, circumstances); };
  if (circumstances.machine && circumstances.machine->blame != Blame::kKernel) {
    return with_crashes(told(*circumstances.machine), circumstances);
  }
  const auto crash = worst(circumstances.crashes);
  if (crash && !is_warning(*crash)) return told(*crash_error(circumstances.crashes));
  if (circumstances.machine) return with_crashes(told(*circumstances.machine), circumstances);
  if (error.kind == "vm-link") return with_crashes(told(error), circumstances);
  if (is_silence(error)) return with_crashes(told(from_silence(circumstances)), circumstances);
  return with_crashes(std::move(error).in(fmt::format("during {}", to_string(circumstances.phase))), circumstances);
}

}  // namespace holdfast
