// Where do the bytes of a virtual machine's serial port go?
#include "lab/console/serial_console.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr size_t kPiece = 65536;
constexpr size_t kLineCap = size_t{64} << 10;   // a line longer than this is cut, so that it is never held whole
constexpr size_t kSliceCap = size_t{64} << 20;  // what one slice() may take of memory
constexpr Millis kLastWords{500};               // for bytes on their way when the machine has ended
constexpr Millis kStopLook{50};                 // how often a waiter looks whether it is to stop

std::string time_stamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<Millis>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
}

}  // namespace

Result<std::unique_ptr<SerialConsole>> SerialConsole::create(const ConsoleLogs& logs) {
  Fd attempt = TRY(open_file(logs.attempt, O_RDWR | O_CREAT | O_TRUNC));
  Fd target;
  if (!logs.target.empty()) target = TRY(open_file(logs.target, O_WRONLY | O_CREAT | O_APPEND));
  return std::unique_ptr<SerialConsole>(new SerialConsole(logs, std::move(attempt), std::move(target)));
}

SerialConsole::SerialConsole(const ConsoleLogs& logs, Fd attempt, Fd target)
    : logs_(logs), attempt_(std::move(attempt)), target_(std::move(target)) {}

SerialConsole::~SerialConsole() { detach(); }

Result<void> SerialConsole::attach(Fd socket) {
  detach();
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("make the console non-blocking", errno);
  }
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return system_error("make an eventfd for the console", errno);
  socket_ = std::move(socket);
  wake_ = std::move(wake);
  attached_ = true;  // no thread yet
  reader_ = std::thread([this] { read_until_ended(); });
  return {};
}

void SerialConsole::detach() {
  if (!reader_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, kLastWords, [this] { return !attached_; });
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto asked = ::write(wake_.get(), &one, sizeof one);
  reader_.join();
  socket_.reset();
}

void SerialConsole::read_until_ended() {
  std::array<char, kPiece> piece;
  while (true) {
    std::array<pollfd, 2> fds{
        {{.fd = socket_.get(), .events = POLLIN, .revents = 0}, {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) break;
    const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (got > 0) {
      take(std::string_view(piece.data(), static_cast<size_t>(got)));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      break;
    }
  }
  if (!line_.empty()) flush_line(line_);
  line_.clear();
  const std::lock_guard lock(mutex_);
  attached_ = false;
  came_.notify_all();
}

/// Disk first: what is dropped from memory can then always be read back.
void SerialConsole::take(std::string_view bytes) {
  if (auto written = write_all(attempt_.get(), bytes); !written) note_trouble(std::move(written).error());
  if (target_) append_lines(bytes);
  const std::lock_guard lock(mutex_);
  tail_.append(bytes);
  // Cut when there is twice as much as is to be kept, not at each piece: the cost per byte stays constant.
  if (tail_.size() > 2 * logs_.keep) {
    const size_t cut = tail_.size() - logs_.keep;
    tail_.erase(0, cut);
    tail_begins_ += cut;
  }
  came_.notify_all();
}

void SerialConsole::append_lines(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const size_t end = std::min(newline, kLineCap - line_.size());
    line_.append(bytes.substr(0, end));
    bytes.remove_prefix(std::min(bytes.size(), end));
    const bool whole = !bytes.empty() && bytes.front() == '\n';
    if (!whole && line_.size() < kLineCap) return;
    if (whole) bytes.remove_prefix(1);
    flush_line(line_);
    line_.clear();
  }
}

/// One write per line: with O_APPEND, lines of several writers stay whole.
void SerialConsole::flush_line(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  const std::string text = fmt::format("{} {} {}\n", time_stamp(), logs_.prefix, line);
  if (auto written = write_all(target_.get(), text); !written) note_trouble(std::move(written).error());
}

void SerialConsole::note_trouble(Error error) {
  const std::lock_guard lock(mutex_);
  if (!trouble_) trouble_ = std::move(error).in(fmt::format("record the console in {}", logs_.attempt.string()));
}

std::optional<Error> SerialConsole::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

Console::Mark SerialConsole::mark() const {
  const std::lock_guard lock(mutex_);
  return tail_begins_ + tail_.size();
}

std::string SerialConsole::slice(Mark from, Mark to) const {
  const std::lock_guard lock(mutex_);
  return range(from, to);
}

/// With the lock held.
std::string SerialConsole::range(Mark from, Mark to) const {
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

Result<Console::Mark> SerialConsole::expect(std::string_view text, Mark from, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  Mark looked = from;  // no match begins before this
  while (true) {
    const Mark end = tail_begins_ + tail_.size();
    while (looked < end) {
      // Through `range` in steps, as older bytes may be on disk only.
      const Mark piece_end = std::min(end, looked + kPiece * 16 + text.size());
      const size_t found = range(looked, piece_end).find(text);
      if (found != std::string::npos) return looked + found + text.size();
      const Mark next = piece_end - std::min<Mark>(piece_end, text.empty() ? 0 : text.size() - 1);
      if (next <= looked) break;
      looked = next;
      if (piece_end == end) break;
    }
    const auto shown = fmt::format("\"{}\" on the console", printable(text));
    if (!attached_) return lab_error("console-ended", fmt::format("no {}: it has ended", shown));
    if (deadline.stopped()) return wait_error(Wake::kStopped, shown);
    if (deadline.expired()) return wait_error(Wake::kDeadline, shown);
    came_.wait_for(lock, std::min(deadline.remaining(), kStopLook));
  }
}

Result<void> SerialConsole::send(std::string_view text, const Deadline& deadline) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      const Wake wake = wait_writable(socket_.get(), deadline);
      if (wake != Wake::kReady) return wait_error(wake, "room on the console");
    } else if (errno != EINTR) {
      return lab_error("console-ended", fmt::format("send to the console: {}", errno_name(errno)));
    }
  }
  return {};
}

}  // namespace holdfast::lab
