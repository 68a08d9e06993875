// How does a BMC carry a console: serial over LAN?
//
// `ipmitool sol activate` runs on a pseudo terminal: on a pipe it would keep its first line, which says that it works,
// to itself. It does not always notice that its session is gone (the BMC gave it to another, or dropped it after an
// overrun): it keeps its connection alive and hears nothing for ever. So a watch asks the BMC whose session it is.
#include "lab/console/sol_console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pty.h>
#include <termios.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>

#include "harness/base/text.h"
#include "lab/console/exec_console.h"
#include "lab/metal/ipmi.h"

namespace holdfast::lab {
namespace {

constexpr std::string_view kOperational = "[SOL Session operational.  Use ~? for help]\n";
constexpr std::string_view kBreakSent = "~B [send break]\n";  // ipmitool 1.8.19; its source has it in two spellings
constexpr Millis kFarewell{8000};                             // for a last word to the BMC

/// Who has the BMC's session, as it says itself (Get Payload Instance Info, IPMI 2.0 section 24.5: the session's id,
/// then the port). Nothing: it does not say.
std::optional<std::string> session_owner(const IpmiAccess& bmc, const Deadline& deadline) {
  const auto said = ipmi(bmc, {"raw", "0x06", "0x4b", "0x01", "0x01"}, deadline);
  if (!said) return std::nullopt;
  std::vector<std::string> id;
  for (const auto word : split(trim(*said), ' ')) {
    if (!word.empty() && id.size() < 4) id.emplace_back(word);
  }
  return id.size() == 4 ? std::optional(join(id, " ")) : std::nullopt;
}

/// Asks, whenever the console was silent for a while, whether the session still belongs to the one that had it first.
class SessionWatch {
 public:
  static Result<std::unique_ptr<SessionWatch>> start(const IpmiAccess& bmc, Millis silence) {
    Stop stop = TRY(Stop::create());
    return std::unique_ptr<SessionWatch>(new SessionWatch(bmc, silence, std::move(stop)));
  }
  ~SessionWatch() {
    stop_.request();
    thread_.join();
  }
  void heard() { heard_ = true; }
  bool gone() const { return gone_; }

 private:
  SessionWatch(const IpmiAccess& bmc, Millis silence, Stop stop)
      : bmc_(bmc), silence_(silence), stop_(std::move(stop)), thread_([this] { watch(); }) {}

  void watch() {
    const auto first = session_owner(bmc_, Deadline::never(&stop_));
    while (first && wait_until(Deadline::after(silence_, &stop_)) != Wake::kStopped) {
      if (heard_.exchange(false)) continue;
      const auto now = session_owner(bmc_, Deadline::never(&stop_));
      if (now && *now != *first) gone_ = true;
    }
  }

  const IpmiAccess bmc_;
  const Millis silence_;
  const Stop stop_;
  std::atomic<bool> heard_{false};
  std::atomic<bool> gone_{false};
  std::thread thread_;  // last: it uses all the others
};

/// Both ends of one that changes no byte.
Result<std::pair<Fd, Fd>> pseudo_terminal() {
  int ours = -1;
  int theirs = -1;
  if (::openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0) return system_error("make a pseudo terminal", errno);
  std::pair<Fd, Fd> ends(ours, theirs);
  termios line{};
  if (::tcgetattr(theirs, &line) != 0) return system_error("set up a pseudo terminal", errno);
  ::cfmakeraw(&line);
  const bool set = ::tcsetattr(theirs, TCSANOW, &line) == 0 && ::fcntl(ours, F_SETFD, FD_CLOEXEC) == 0 &&
                   ::fcntl(theirs, F_SETFD, FD_CLOEXEC) == 0;
  if (!set) return system_error("set up a pseudo terminal", errno);
  return ends;
}

class SolConsole : public ChildConsole {
 public:
  explicit SolConsole(const IpmiAccess& bmc) : bmc_(bmc) {}

  /// Error kind "console-taken": somebody else has the session.
  Result<void> activate(Millis silence, const Deadline& deadline) {
    auto [our_end, their_end] = TRY(pseudo_terminal());
    TRY(launch(TRY(ipmi_command(bmc_, {"sol", "activate"})), std::move(our_end), std::move(their_end)));
    TRY_IN(fmt::format("serial over LAN of {}", name_of(bmc_)), await_banner(deadline));
    watch_ = TRY(SessionWatch::start(bmc_, silence));
    return {};
  }

  Result<std::string> read() override {
    if (!waiting_.empty()) return std::exchange(waiting_, {});
    if (watch_->gone()) {
      return lab_error("console-lost",
                       fmt::format("BMC {} gave the serial over LAN session to another, or ended it", name_of(bmc_)));
    }
    std::string bytes = TRY(ChildConsole::read());
    if (!bytes.empty()) watch_->heard();
    return breaks_ > 0 ? without_break_noise(std::move(bytes)) : std::move(bytes);
  }

  std::string encode(std::string_view bytes) override { return escape_.encode(bytes); }

  Result<std::string> make_break() override {
    ++breaks_;
    return escape_.make_break();
  }

  void close() override {
    watch_.reset();
    stop_program();
    [[maybe_unused]] const auto freed = ipmi(bmc_, {"sol", "deactivate"}, Deadline::after(kFarewell));
  }

 private:
  /// Whatever else comes before it is already the machine's.
  Result<void> await_banner(const Deadline& deadline) {
    while (true) {
      if (const size_t at = waiting_.find(kOperational); at != std::string::npos) {
        waiting_.erase(at, kOperational.size());
        return {};
      }
      const Wake wake = wait_readable(fd(), deadline);
      if (wake != Wake::kReady) return wait_error(wake, "word from ipmitool that it works");
      auto bytes = ChildConsole::read();
      if (bytes) {
        waiting_ += *bytes;
        continue;
      }
      Error error = std::move(bytes).error();
      if (complaints().find("already active") != std::string::npos) error.kind = "console-taken";
      return error;
    }
  }

  /// Cuts out ipmitool's word about a break, which may come in pieces: the beginning of one is held back.
  std::string without_break_noise(std::string bytes) {
    bytes = std::exchange(held_, {}) + bytes;
    if (const size_t at = bytes.find(kBreakSent); at != std::string::npos) {
      --breaks_;
      return bytes.erase(at, kBreakSent.size());
    }
    for (size_t length = std::min(bytes.size(), kBreakSent.size() - 1); length > 0; --length) {
      if (!bytes.ends_with(kBreakSent.substr(0, length))) continue;
      held_ = bytes.substr(bytes.size() - length);
      bytes.resize(bytes.size() - length);
      break;
    }
    return bytes;
  }

  const IpmiAccess bmc_;
  SolEscape escape_;
  std::string waiting_;  ///< came before somebody asked
  std::string held_;
  int breaks_ = 0;  ///< whose noise is still to come
  std::unique_ptr<SessionWatch> watch_;
};

/// From where the BMC has sessions now, one of which is the console's.
std::string guests_of(const IpmiAccess& bmc, const Deadline& deadline) {
  const auto said = ipmi(bmc, {"session", "info", "all"}, deadline);
  std::vector<std::string> addresses;
  const std::string text = said ? *said : "";
  for (const auto line : split(text, '\n')) {
    const auto key_value = split(line, ':');
    if (key_value.size() != 2 || trim(key_value[0]) != "console ip") continue;
    const std::string address(trim(key_value[1]));
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
  }
  if (addresses.empty()) return "another session (the BMC does not say whose)";
  return "another session (the BMC has sessions from " + join(addresses, ", ") + ")";
}

}  // namespace

std::string SolEscape::encode(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    out.append(line_begins_ && byte == '~' ? 2 : 1, byte);
    line_begins_ = byte == '\r' || byte == '\n';
  }
  return out;
}

std::string SolEscape::make_break() { return std::exchange(line_begins_, false) ? "~B" : "\r~B"; }

Result<std::unique_ptr<ConsoleSource>> open_sol(const IpmiAccess& bmc, const OpenConsole& how,
                                                const Deadline& deadline) {
  auto console = std::make_unique<SolConsole>(bmc);
  auto activated = console->activate(how.silence, deadline);
  if (!activated && activated.error().kind == "console-taken") {
    const std::string guests = guests_of(bmc, deadline);
    TRY(ipmi(bmc, {"sol", "deactivate"}, deadline));
    if (how.on_note) how.on_note("console was taken from " + guests);
    console = std::make_unique<SolConsole>(bmc);
    activated = console->activate(how.silence, deadline);
  }
  if (!activated) return std::move(activated).error();
  return std::unique_ptr<ConsoleSource>(std::move(console));
}

}  // namespace holdfast::lab
