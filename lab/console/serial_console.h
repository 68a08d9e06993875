// Where do the bytes of a virtual machine's serial port go?
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/target.h"

namespace holdfast::lab {

/// Where a console is recorded.
struct ConsoleLogs {
  std::filesystem::path attempt;   ///< every byte as it came; created or truncated
  std::filesystem::path target;    ///< whole lines with time and `prefix`, appended; empty: none. Others may append too
  std::string prefix;              ///< before each line of `target`
  size_t keep = size_t{16} << 20;  ///< bytes kept in memory; older ones are read back from `attempt`
};

/// The serial console of a machine that is powered on and off any number of times: one recording, one count of bytes.
/// Each power-on brings a connected socket, which a thread reads until it ends. A guest that floods its console costs
/// disk, not memory. Thread-safe but for attach() and detach().
class SerialConsole : public Console {
 public:
  static Result<std::unique_ptr<SerialConsole>> create(const ConsoleLogs& logs);
  SerialConsole(const SerialConsole&) = delete;
  SerialConsole& operator=(const SerialConsole&) = delete;
  ~SerialConsole() override;

  /// Records from `socket` until its other end closes.
  Result<void> attach(Fd socket);
  /// Takes in what is left, for at most a moment, and lets the socket go.
  void detach();

  /// What kept bytes from being written to disk, if anything did.
  std::optional<Error> trouble() const;

  Mark mark() const override;
  /// At most the last 64 MiB of the range.
  std::string slice(Mark from, Mark to = static_cast<Mark>(-1)) const override;
  /// Errors: lab.timeout, lab.console-ended (nothing more will come), harness.stopped.
  Result<Mark> expect(std::string_view text, Mark from, const Deadline& deadline) override;
  Result<void> send(std::string_view text, const Deadline& deadline) override;

 private:
  SerialConsole(const ConsoleLogs& logs, Fd attempt, Fd target);
  void read_until_ended();
  void take(std::string_view bytes);
  void append_lines(std::string_view bytes);
  void flush_line(std::string_view line);
  void note_trouble(Error error);
  std::string range(Mark from, Mark to) const;

  const ConsoleLogs logs_;
  const Fd attempt_;
  const Fd target_;
  Fd socket_;
  Fd wake_;  ///< readable: the thread is to end
  std::thread reader_;
  std::string line_;  ///< the thread's own: a line begun

  mutable std::mutex mutex_;  ///< guards what follows
  mutable std::condition_variable came_;
  std::string tail_;       ///< the newest bytes
  Mark tail_begins_ = 0;   ///< where they stand in all that came
  bool attached_ = false;  ///< more may come
  std::optional<Error> trouble_;
};

}  // namespace holdfast::lab
