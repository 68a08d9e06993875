// How is a console recorded whose machine brings a socket each time it is powered on?
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "harness/base/fd.h"
#include "harness/target.h"
#include "lab/console/recording.h"

namespace holdfast::lab {

/// The serial console of a machine that is powered on and off any number of times: one recording, one count of bytes.
/// Each power-on brings a connected socket, which a thread reads until it ends. Thread-safe but for attach() and
/// detach().
class SerialConsole : public Console {
 public:
  static Result<std::unique_ptr<SerialConsole>> create(const ConsoleLogs& logs);
  SerialConsole(const SerialConsole&) = delete;
  SerialConsole& operator=(const SerialConsole&) = delete;
  ~SerialConsole() override;

  /// Records `before`, which the machine has said elsewhere, then from `socket` until its other end closes.
  Result<void> attach(Fd socket, std::string_view before = {});
  /// Takes in what is left, for at most a moment, and lets the socket go.
  void detach();

  std::optional<Error> trouble() const { return recording_->trouble(); }

  Mark mark() const override { return recording_->mark(); }
  std::string slice(Mark from, Mark to = static_cast<Mark>(-1)) const override { return recording_->slice(from, to); }
  Result<Mark> expect(std::string_view text, Mark from, const Deadline& deadline) override {
    return recording_->expect(text, from, deadline);
  }
  Result<void> send(std::string_view text, const Deadline& deadline) override;
  std::optional<Deadline::Clock::time_point> came_at(Mark position) const override {
    return recording_->came_at(position);
  }

 private:
  explicit SerialConsole(std::unique_ptr<Recording> recording) : recording_(std::move(recording)) {}
  void read_until_ended();

  const std::unique_ptr<Recording> recording_;
  Fd socket_;
  Fd wake_;  ///< readable: the thread is to end
  std::thread reader_;
};

}  // namespace holdfast::lab
