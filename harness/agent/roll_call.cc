// How does the agent answer when its link is gone?
//
// In a thread of its own: the one that serves may be stuck in the kernel, and that is what the answer then says.
#include "harness/agent/roll_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/wire/roll_call.h"

namespace holdfast::agent {
namespace {

/// Longer than any roll call: what came before is none.
constexpr size_t kLongestLine = 256;
/// Of a function of the kernel, as it is told.
constexpr size_t kLongestSymbol = 64;
/// Before a console that failed is read again.
constexpr Millis kPause{1000};
/// Between two looks at the thread that serves.
constexpr Millis kLook{1000};

/// Of the first thread, which serves: 'R', 'S', 'D'...; '?' when it cannot be told. Source: proc_pid_stat(5): what
/// follows the name.
char serving_state() {
  const auto stat = read_file("/proc/self/stat");
  const size_t name = stat ? stat->rfind(") ") : std::string::npos;
  return name != std::string::npos && name + 2 < stat->size() ? (*stat)[name + 2] : '?';
}

/// An oops ends the thread that it struck, and no other one.
bool is_dead(char state) { return state == 'Z' || state == 'X'; }

/// " (state D in luo_preserve_files)": where the thread that serves waits; nothing when it runs. Source:
/// proc_pid_wchan(5), "0" where the kernel does not say.
std::string where_it_waits() {
  const char state = serving_state();
  if (state == 'R' || state == '?') return {};
  const auto symbol = read_file("/proc/self/wchan");
  const std::string_view name = symbol ? std::string_view(*symbol).substr(0, symbol->find('.')) : "";
  if (name.empty() || name == "0") return fmt::format(" (state {})", state);
  return fmt::format(" (state {} in {})", state, printable(name.substr(0, kLongestSymbol)));
}

/// Ends the program as a fault of its own would: nothing else ends process 1, and with it the kernel that broke it.
[[noreturn]] void follow() { __builtin_trap(); }

}  // namespace

std::optional<std::string> answer_to(std::string_view line, const Occupation& occupation) {
  const size_t at = line.rfind(wire::kRollCall);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view nonce = trim(line.substr(at + wire::kRollCall.size()));
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (nonce.empty() || nonce.size() > wire::kLongestNonce || !std::ranges::all_of(nonce, is_hex)) return std::nullopt;
  std::string doing = occupation.describe();
  // Waiting for a link is no such state.
  if (doing == wire::kComingUp && serving_state() == 'D') doing = "busy with coming up";
  if (doing != wire::kIdle && doing != wire::kComingUp) doing += where_it_waits();
  return wire::roll_answer(nonce) + doing + std::string(wire::kRollAnswerEnd);
}

void answer_roll_calls(int console, const Occupation& occupation, const Stop& stop) {
  std::string begun;
  std::array<char, kLongestLine> piece;
  while (true) {
    const Wake wake = wait_readable(console, Deadline::after(kLook, &stop));
    if (wake == Wake::kStopped) return;
    if (is_dead(serving_state())) follow();
    if (wake == Wake::kDeadline) continue;
    const ssize_t got = ::read(console, piece.data(), piece.size());
    if (got <= 0) {
      wait_until(Deadline::after(kPause, &stop));
      continue;
    }
    begun.append(piece.data(), static_cast<size_t>(got));
    for (size_t end = begun.find('\n'); end != std::string::npos; end = begun.find('\n')) {
      // At the begin of a line, whatever stands there already.
      if (const auto answer = answer_to(std::string_view(begun).substr(0, end), occupation)) {
        static_cast<void>(write_all(console, fmt::format("\n{}\n", *answer)));
      }
      begun.erase(0, end + 1);
    }
    if (begun.size() > kLongestLine) begun.clear();
  }
}

}  // namespace holdfast::agent
