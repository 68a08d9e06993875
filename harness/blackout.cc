// How long is a device out of reach across a kexec, and where does the time go?
#include "harness/blackout.h"

#include <algorithm>
#include <array>

#include "harness/crash/crash_lines.h"
#include "harness/crash/crash_patterns.h"
#include "harness/crash/whereabouts.h"
#include "harness/wire/verbs_clock.h"

namespace holdfast {
namespace {

/// How much of the console is looked at: more than a kernel prints on its way out.
constexpr size_t kConsoleLimit = size_t{4} << 20;

/// The regions of a vfio file that are BARs. Source: include/uapi/linux/vfio.h of Linux 7.3.
constexpr uint32_t kBars = 6;

/// What is said before a kernel's first message. Source: arch/x86/boot/compressed/misc.c and kaslr.c of Linux 7.3.
constexpr std::array<std::string_view, 3> kDecompressor{"early console in extract_kernel", "Decompressing Linux",
                                                        "Physical KASLR "};

/// Behind the last byte of `text` that is no line end or blank.
size_t trimmed_end(std::string_view text) { return text.find_last_not_of(std::string_view("\r\n \t\0", 5)) + 1; }

/// As find_next_kernel, for who knows the seconds since the old kernel's leave at which each byte came.
size_t next_kernel_in(std::string_view console, Millis uptime, const SinceMark& since) {
  LogMark asked;
  asked.start = LogMark::Start::kKexec;
  asked.uptime = std::chrono::duration<double>(uptime).count();
  asked.since = since;
  crash::Whereabouts whereabouts({asked});
  crash::LineReader lines(console);
  bool stamped = false;
  for (crash::LogLine line; lines.next(line);) {
    const bool unpacks = std::ranges::any_of(kDecompressor, [&](auto words) { return line.text.starts_with(words); });
    whereabouts.pass(line);
    if (crash::is_banner(line, stamped)) whereabouts.banner_was_due();
    if (unpacks || whereabouts.kernel() > 0) return line.offset;
    stamped = stamped || line.stamped;
  }
  return std::string_view::npos;
}

}  // namespace

size_t find_next_kernel(std::string_view console, Millis uptime) { return next_kernel_in(console, uptime, {}); }

void Blackout::tell(std::string_view name, Time at, const std::string& device) {
  const auto since = std::chrono::duration_cast<Millis>(at - left_->at);
  events_.on(Milestone{.where = where_, .kexec = kexec_, .device = device, .name = std::string(name), .at = since});
}

void Blackout::left(const std::optional<Agent::Departure>& departure, int kexec) {
  left_ = departure;
  kexec_ = kexec;
  answered_.reset();
  untouched_.clear();
}

void Blackout::tell_console() {
  const std::string said = console_.slice(console_from_, console_from_ + kConsoleLimit);
  const SinceMark since = [this](size_t offset) -> std::optional<double> {
    const auto at = console_.came_at(console_from_ + offset);
    return at ? std::optional(std::chrono::duration<double>(*at - left_->at).count()) : std::nullopt;
  };
  const size_t next = next_kernel_in(said, left_->uptime, since);
  // Where the next kernel does not show, a byte could be of either.
  if (next == std::string::npos) return;
  if (const size_t end = trimmed_end(std::string_view(said).substr(0, next)); end > 0) {
    // What came while it still took leave is not its last word on the way out.
    const auto at = console_.came_at(console_from_ + end - 1);
    if (at && *at >= left_->at) tell("a-last-byte", *at);
  }
  if (const auto at = console_.came_at(console_from_ + next)) tell("b-first-byte", *at);
}

void Blackout::arrived(Agent& agent, const Deadline& deadline) {
  if (!left_ || !answered_) return;
  tell("exec", left_->at);
  tell_console();
  if (agent.hello().is_init) {
    const auto asked = Deadline::Clock::now();
    if (const auto clock = agent.call(wire::Clock{}, deadline); clock && clock->now_ms >= clock->began_ms) {
      const Time answered = asked + (Deadline::Clock::now() - asked) / 2;
      tell("init", answered - Millis(clock->now_ms - clock->began_ms));
    }
  }
  tell("agent", *answered_);
}

void Blackout::retrieved(const std::string& device, wire::Handle file) {
  if (!left_ || !answered_) return;
  tell("retrieved", Deadline::Clock::now(), device);
  untouched_.insert_or_assign(file, device);
}

void Blackout::read_register(wire::Handle file, uint32_t region) {
  const auto found = untouched_.find(file);
  if (region >= kBars || found == untouched_.end()) return;
  tell("first-mmio", Deadline::Clock::now(), found->second);
  untouched_.erase(found);
}

}  // namespace holdfast
