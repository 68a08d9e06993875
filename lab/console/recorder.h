// How is a host's console held open and recorded, from before it is powered on until it is given back?
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/target.h"
#include "lab/console/console_clients.h"
#include "lab/console/console_source.h"
#include "lab/console/recording.h"
#include "lab/host.h"

namespace holdfast::lab {

struct RecorderFiles {
  std::filesystem::path raw;    ///< every byte as it came; created or truncated
  std::filesystem::path lines;  ///< whole lines with the time (UTC) and, marked "[holdfast]", gaps; appended
  std::filesystem::path
      socket;  ///< for connect_console(); its folder is to be its owner's only, and is made if missing
};

/// How patient it is.
struct RecorderPace {
  Millis first_pause{200};      ///< before a lost console is opened again; doubles from failure to failure
  Millis longest_pause{10000};  ///< and never gets longer than this: a BMC that restarts is away for a minute or two
  Millis opening{60000};        ///< for one attempt
  Millis silence{10000};        ///< until the BMC is asked whether the session is still ours
};

/// Holds the console open as long as it lives; a lost one is opened again, for ever, and the gap is noted. Waits for
/// text go on over gaps. Thread-safe.
class ConsoleRecorder : public Console {
 public:
  /// Does not wait until the console is open. `on_note` is called by threads of the recorder's own. Errors: lab.io,
  /// and plan.cannot for a host without a console.
  static Result<std::unique_ptr<ConsoleRecorder>> start(const ConsoleAccess& access, const RecorderFiles& files,
                                                        OnNote on_note, const RecorderPace& pace = {});
  ConsoleRecorder(const ConsoleRecorder&) = delete;
  ConsoleRecorder& operator=(const ConsoleRecorder&) = delete;
  ~ConsoleRecorder() override;

  /// Waits until the console is open. Errors: lab.console-lost with the latest reason why it is not, harness.stopped.
  Result<void> wait_open(const Deadline& deadline);
  std::optional<Error> trouble() const { return recording_->trouble(); }

  Mark mark() const override { return recording_->mark(); }
  std::string slice(Mark from, Mark to = static_cast<Mark>(-1)) const override { return recording_->slice(from, to); }
  Result<Mark> expect(std::string_view text, Mark from, const Deadline& deadline) override {
    return recording_->expect(text, from, deadline);
  }
  std::optional<Deadline::Clock::time_point> came_at(Mark position) const override {
    return recording_->came_at(position);
  }
  /// Waits until the console is open, and until it has taken all of `text`. Errors: as wait_open(); lab.console-lost.
  Result<void> send(std::string_view text, const Deadline& deadline) override;
  /// Makes the kernel do what it does for that sysrq key ('b': reboots at once). Errors: as send(); plan.cannot.
  Result<void> send_sysrq(char key, const Deadline& deadline);

 private:
  /// Something to be said to the machine.
  struct Outgoing {
    uint64_t number = 0;
    std::string bytes;
    bool is_break = false;
  };
  ConsoleRecorder(const ConsoleAccess& access, const RecorderPace& pace, OnNote on_note, Stop stop);
  void hold_open();
  Error serve(ConsoleSource& source);
  Result<void> speak(ConsoleSource& source);
  void set_open(bool open, std::string reason);
  void note(const std::string& text);
  void from_client(std::string_view bytes);
  uint64_t put(std::string_view bytes, bool is_break);
  Result<void> deliver(std::string_view before, bool with_break, std::string_view after, const Deadline& deadline);

  const ConsoleAccess access_;
  const RecorderPace pace_;
  const OnNote on_note_;
  const Stop stop_;
  std::unique_ptr<Recording> recording_;
  Fd wake_;           ///< readable: there is something to say
  std::string wire_;  ///< the recording thread's own: encoded, not yet written
  uint64_t wire_number_ = 0;

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  bool open_ = false;
  std::string closed_because_ = "it was not opened yet";
  std::deque<Outgoing> outgoing_;
  size_t outgoing_bytes_ = 0;
  uint64_t last_put_ = 0;
  uint64_t said_ = 0;     ///< all up to this number were written
  uint64_t dropped_ = 0;  ///< all up to this number, if not said, never will be

  std::unique_ptr<ConsoleClients> clients_;
  std::thread thread_;
};

}  // namespace holdfast::lab
