// What was the run doing when it was killed?
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/fd.h"
#include "harness/event.h"
#include "reports/trouble.h"
#include "reports/words.h"

namespace holdfast::reports {

/// Appends every event as a line to journal.jsonl, with the time in "at". After an Intent the file is synced before
/// on() returns, so that the line is there however the program ends; likewise after RunEnded. A disk that is full is
/// told once and does not end the run.
class Journal : public EventSink {
 public:
  using Now = std::function<WallClock::time_point()>;
  /// Creates the file, or goes on behind what is in it. Errors: lab.io.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& file, OnTrouble on_trouble,
                                               Now now = &WallClock::now);

  void on(const Event& event) override;

 private:
  Journal(Fd fd, bool cut, OnTrouble on_trouble, Now now)
      : fd_(std::move(fd)), cut_(cut), trouble_(std::move(on_trouble)), now_(std::move(now)) {}
  Result<void> append(const Event& event);

  Fd fd_;
  bool cut_;  ///< the file ends within a line: begin the next one with a newline
  Trouble trouble_;
  Now now_;
};

/// What a journal still tells.
struct JournalEvents {
  std::vector<Event> events;
  std::vector<WallClock::time_point> times;  ///< when each of them was written; the epoch when that is not said
  int unreadable = 0;                        ///< lines that are no event, such as a last one that was cut
  std::string broken = {};  ///< about the first of these that is whole, and so was not cut by a kill: "line 7: ..."
};

/// Reads a journal back. Errors: lab.io.
Result<JournalEvents> read_journal(const std::filesystem::path& file);

/// Takes an event, and when it was written: the epoch when that is not said.
using EventTaker = std::function<void(Event, WallClock::time_point)>;

/// What was in a journal besides the events that were told.
struct JournalRest {
  size_t lines = 0;         ///< that are not empty
  int unreadable = 0;       ///< as JournalEvents::unreadable
  std::string broken = {};  ///< as JournalEvents::broken
};

/// Tells a journal of any size, holding one line of it. Lines of events by the names in `unwanted` are passed over
/// unread. Ends early when `go_on`, asked after each event, says so. Errors: lab.io.
Result<JournalRest> tell_journal(const std::filesystem::path& file, const std::vector<std::string_view>& unwanted,
                                 const EventTaker& take, const std::function<bool()>& go_on);

/// The Intents at attempts that never ended, in order: what a run that was killed may have left behind.
std::vector<Intent> left_behind(const std::vector<Event>& events);

}  // namespace holdfast::reports
