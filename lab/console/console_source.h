// How is a console opened, whatever it hangs on?
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "lab/host.h"

namespace holdfast::lab {

/// Called with a sentence that a reader of the log should see.
using OnNote = std::function<void(const std::string&)>;

/// An open console. Used by one thread, but for the construction's own.
class ConsoleSource {
 public:
  virtual ~ConsoleSource() = default;
  /// For poll(): bytes come and go here. Non-blocking.
  int fd() const { return fd_.get(); }
  /// What the machine said since the last call, and nothing that the carrier said; may be empty. To be called at least
  /// every second: some carriers end without a word on fd(). Errors: lab.console-lost, and why.
  virtual Result<std::string> read();
  /// What has to be written to fd() so that `bytes` reach the machine.
  virtual std::string encode(std::string_view bytes) { return std::string(bytes); }
  /// Sends a break, or gives what has to be written to fd() to send one. All that was sent before is written.
  virtual Result<std::string> make_break() = 0;
  /// Ends it in good order, so that the next one finds it free.
  virtual void close() {}

 protected:
  ConsoleSource() = default;
  explicit ConsoleSource(Fd fd) : fd_(std::move(fd)) {}
  /// The sentence about its end, when read() found it with this errno (0: end of file).
  virtual Error ended(int errnum);
  Fd fd_;
};

/// How the caller wants it.
struct OpenConsole {
  Millis silence{
      10'000};          ///< after so long without a byte, a carrier that can be asked is asked whether it is still ours
  OnNote on_note = {};  ///< called before it returns only
};

/// Opens it. Errors: lab.console-lost, lab.bmc, lab.exec, lab.io, harness.usage (its secret), harness.stopped.
Result<std::unique_ptr<ConsoleSource>> open_console(const ConsoleAccess& access, const OpenConsole& how,
                                                    const Deadline& deadline);

/// Ok when a sysrq can be sent over it; else an error that says what to set in the inventory.
Result<void> can_sysrq(const ConsoleAccess& access);

/// Writes what there is room for now; gives how much that was. A closed other end is an error, never a signal.
Result<size_t> write_some(int fd, std::string_view bytes);

/// Makes reads and writes on it return at once.
Result<void> make_non_blocking(int fd);

}  // namespace holdfast::lab
