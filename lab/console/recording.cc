// What has a console said so far?
#include "lab/console/recording.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr size_t kPiece = size_t{1} << 20;      // how much is searched at a time
constexpr size_t kLineCap = size_t{64} << 10;   // a line longer than this is cut, so that it is never held whole
constexpr size_t kSliceCap = size_t{64} << 20;  // what one slice() may take of memory
constexpr Millis kStopLook{50};                 // how often a waiter looks whether it is to stop

std::string time_stamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<Millis>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
}

}  // namespace

Result<std::unique_ptr<Recording>> Recording::create(const ConsoleLogs& logs) {
  Fd attempt = TRY(open_file(logs.attempt, O_RDWR | O_CREAT | O_TRUNC));
  Fd target;
  if (!logs.target.empty()) target = TRY(open_file(logs.target, O_WRONLY | O_CREAT | O_APPEND));
  return std::unique_ptr<Recording>(new Recording(logs, std::move(attempt), std::move(target)));
}

Recording::Recording(const ConsoleLogs& logs, Fd attempt, Fd target)
    : logs_(logs), attempt_(std::move(attempt)), target_(std::move(target)) {}

void Recording::begin() {
  const std::lock_guard lock(mutex_);
  more_may_come_ = true;
}

void Recording::end() {
  end_line();
  const std::lock_guard lock(mutex_);
  more_may_come_ = false;
  came_.notify_all();
}

void Recording::wait_for_end(Millis span) const {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, span, [this] { return !more_may_come_; });
}

/// Disk first: what is dropped from memory can then always be read back.
void Recording::take(std::string_view bytes) {
  if (auto written = write_all(attempt_.get(), bytes); !written) note_trouble(std::move(written).error());
  if (target_) append_lines(bytes);
  const std::lock_guard lock(mutex_);
  tail_.append(bytes);
  note_arrival();
  // Cut when there is twice as much as is to be kept, not at each piece: the cost per byte stays constant.
  if (tail_.size() > 2 * logs_.keep) {
    const size_t cut = tail_.size() - logs_.keep;
    tail_.erase(0, cut);
    tail_begins_ += cut;
  }
  came_.notify_all();
}

/// With the lock held.
void Recording::note_arrival() {
  constexpr size_t kMostArrivals = 65'536;  // a minute of a console that never pauses
  constexpr Millis kTogether{1};
  const auto now = Deadline::Clock::now();
  const Mark end = tail_begins_ + tail_.size();
  if (!arrivals_.empty() && now - arrivals_.back().at < kTogether) {
    arrivals_.back().end = end;
    return;
  }
  arrivals_.push_back({.end = end, .at = now});
  if (arrivals_.size() <= kMostArrivals) return;
  arrivals_begin_ = arrivals_.front().end;
  arrivals_.pop_front();
}

std::optional<Deadline::Clock::time_point> Recording::came_at(Mark position) const {
  const std::lock_guard lock(mutex_);
  if (position < arrivals_begin_) return std::nullopt;
  const auto found = std::ranges::upper_bound(arrivals_, position, {}, &Arrival::end);
  if (found == arrivals_.end()) return std::nullopt;
  return found->at;
}

void Recording::append_lines(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const size_t end = std::min(newline, kLineCap - line_.size());
    line_.append(bytes.substr(0, end));
    bytes.remove_prefix(std::min(bytes.size(), end));
    const bool whole = !bytes.empty() && bytes.front() == '\n';
    if (!whole && line_.size() < kLineCap) return;
    if (whole) bytes.remove_prefix(1);
    write_line(logs_.prefix, line_);
    line_.clear();
  }
}

void Recording::end_line() {
  if (!line_.empty()) write_line(logs_.prefix, line_);
  line_.clear();
}

void Recording::remark(std::string_view text) { write_line("[holdfast]", text); }

/// One write per line: with O_APPEND, lines of several writers stay whole.
void Recording::write_line(std::string_view before, std::string_view line) {
  if (!target_) return;
  while (line.ends_with('\r')) line.remove_suffix(1);
  const std::string text = fmt::format("{} {}{}{}\n", time_stamp(), before, before.empty() ? "" : " ", line);
  if (auto written = write_all(target_.get(), text); !written) note_trouble(std::move(written).error());
}

void Recording::note_trouble(Error error) {
  const std::lock_guard lock(mutex_);
  if (!trouble_) trouble_ = std::move(error).in(fmt::format("record the console in {}", logs_.attempt.string()));
}

std::optional<Error> Recording::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

Console::Mark Recording::mark() const {
  const std::lock_guard lock(mutex_);
  return tail_begins_ + tail_.size();
}

std::string Recording::slice(Mark from, Mark to) const {
  const std::lock_guard lock(mutex_);
  return range(from, to);
}

/// With the lock held.
std::string Recording::range(Mark from, Mark to) const {
  to = std::min(to, tail_begins_ + tail_.size());
  if (to > kSliceCap) from = std::max(from, to - kSliceCap);
  if (from >= to) return {};
  if (from >= tail_begins_) return tail_.substr(from - tail_begins_, to - from);
  std::string text(std::min(to, tail_begins_) - from, '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t got =
        ::pread(attempt_.get(), text.data() + have, text.size() - have, static_cast<off_t>(from + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // a disk that refused the bytes: their place stays, filled with NULs
    have += static_cast<size_t>(got);
  }
  if (to > tail_begins_) text.append(tail_, 0, to - tail_begins_);
  return text;
}

Result<Console::Mark> Recording::expect(std::string_view text, Mark from, const Deadline& deadline) const {
  std::unique_lock lock(mutex_);
  Mark looked = from;  // no match begins before this
  while (true) {
    const Mark end = tail_begins_ + tail_.size();
    while (looked < end) {
      // Through `range` in steps, as older bytes may be on disk only.
      const Mark piece_end = std::min(end, looked + kPiece + text.size());
      const size_t found = range(looked, piece_end).find(text);
      if (found != std::string::npos) return looked + found + text.size();
      const Mark next = piece_end - std::min<Mark>(piece_end, text.empty() ? 0 : text.size() - 1);
      if (next <= looked) break;
      looked = next;
      if (piece_end == end) break;
    }
    const auto shown = fmt::format("\"{}\" on the console", printable(text));
    if (!more_may_come_) return lab_error("console-ended", fmt::format("no {}: it has ended", shown));
    if (deadline.stopped()) return wait_error(Wake::kStopped, shown);
    if (deadline.expired()) return wait_error(Wake::kDeadline, shown);
    came_.wait_for(lock, std::min(deadline.remaining(), kStopLook));
  }
}

}  // namespace holdfast::lab
