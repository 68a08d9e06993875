// How is a running QEMU asked about its state and told to end?
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// A client of the QEMU Machine Protocol. Not thread-safe.
///
/// Errors of all calls: lab.timeout, harness.stopped, lab.qmp (QEMU said no, sent what is not QMP, or is gone).
/// Source: docs/interop/qmp-spec.txt in QEMU 7.2: one JSON object per line in each direction.
class Qmp {
 public:
  /// Something that QEMU told unasked.
  struct Event {
    std::string name;  ///< "SHUTDOWN"
    std::string data;  ///< JSON object
  };

  /// Waits for the greeting on a connected socket and leaves negotiation mode: from here on events come.
  static Result<Qmp> open(Fd socket, const Deadline& deadline);

  /// Runs a command; gives the JSON text of what it returned. `arguments` is a JSON object, or empty.
  Result<std::string> execute(std::string_view command, std::string_view arguments, const Deadline& deadline);

  /// Gives QEMU a descriptor, which "fd:NAME" then stands for.
  Result<void> give(std::string_view name, int fd, const Deadline& deadline);

  /// The machine's state: "running", "paused", "internal-error", "io-error", "shutdown"...
  Result<std::string> status(const Deadline& deadline);

  /// Takes in what has been sent so far, without waiting; also of a QEMU that has ended since.
  void take_in();
  /// Events in the order of their coming, oldest first; a thousand are kept at most.
  std::optional<Event> next_event();
  /// Waits for the next event with one of these names; those before it are dropped.
  Result<Event> await_event(const std::vector<std::string>& names, const Deadline& deadline);
  /// Why the machine shut down ("guest-reset", "host-signal"...), if QEMU said that it did.
  const std::optional<std::string>& shutdown_reason() const { return shutdown_reason_; }
  /// "7.2.22".
  const std::string& version() const { return version_; }

 private:
  Result<std::string> execute(std::string_view command, std::string_view arguments, int fd, const Deadline& deadline);
  explicit Qmp(Fd socket) : socket_(std::move(socket)) {}
  /// The next line that is no event.
  Result<std::string> next_answer(std::string_view waited_for, const Deadline& deadline);
  /// Keeps the line if it is an event.
  bool take_event(const std::string& line);
  std::optional<std::string> take_line();
  /// Reads what is there; false at the end.
  bool read_some();

  Fd socket_;
  std::string buffer_;
  size_t scanned_ = 0;  ///< bytes of the buffer known to have no newline
  bool ended_ = false;
  std::deque<Event> events_;
  std::deque<std::string> answers_;
  std::optional<std::string> shutdown_reason_;
  std::string version_;
  unsigned next_id_ = 1;
};

}  // namespace holdfast::lab
