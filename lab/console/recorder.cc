// How is a host's console held open and recorded, from before it is powered on until it is given back?
//
// One thread opens the console, reads it, and writes what is to be said, until it is lost; then it pauses and begins
// again. What comes is queued for the clients before it can be found here: who connects after it was found does not
// get it once more. What could not be said before the console was lost is dropped: a "reboot now" that arrives a minute
// late would hit another kernel than was meant.
#include "lab/console/recorder.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr Millis kStopLook{50};                   // how often a waiter looks whether it is to stop
constexpr int kLookEvery = 1000;                  // ms: some carriers end without a word
constexpr size_t kOutgoingCap = size_t{1} << 20;  // what clients may have waiting: 90 s of a 115200 baud line

}  // namespace

Result<std::unique_ptr<ConsoleRecorder>> ConsoleRecorder::start(const ConsoleAccess& access, const RecorderFiles& files,
                                                                OnNote on_note, const RecorderPace& pace) {
  if (access.kind == ConsoleAccess::Kind::kNone) return cannot("the inventory names no console for this host");
  Stop stop = TRY(Stop::create());
  std::unique_ptr<ConsoleRecorder> made(new ConsoleRecorder(access, pace, std::move(on_note), std::move(stop)));
  made->wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made->wake_) return system_error("make an eventfd for the console", errno);
  made->recording_ = TRY(Recording::create({.attempt = files.raw, .target = files.lines, .prefix = ""}));
  ConsoleRecorder* const recorder = made.get();
  made->clients_ = TRY(ConsoleClients::start(
      files.socket, {.on_input = [recorder](std::string_view bytes) { recorder->from_client(bytes); },
                     .on_note = [recorder](const std::string& text) { recorder->note(text); }}));
  made->recording_->begin();
  made->thread_ = std::thread([recorder] { recorder->hold_open(); });
  return made;
}

ConsoleRecorder::ConsoleRecorder(const ConsoleAccess& access, const RecorderPace& pace, OnNote on_note, Stop stop)
    : access_(access), pace_(pace), on_note_(std::move(on_note)), stop_(std::move(stop)) {}

ConsoleRecorder::~ConsoleRecorder() {
  stop_.request();
  if (thread_.joinable()) thread_.join();
  clients_.reset();
}

void ConsoleRecorder::note(const std::string& text) {
  recording_->remark(text);
  if (on_note_) on_note_(text);
}

void ConsoleRecorder::set_open(bool open, std::string reason) {
  size_t lost = 0;
  {
    const std::lock_guard lock(mutex_);
    open_ = open;
    if (!open) {
      lost = std::exchange(outgoing_bytes_, 0) + wire_.size();
      outgoing_.clear();
      wire_.clear();
      dropped_ = last_put_;
      closed_because_ = std::move(reason);
    }
    changed_.notify_all();
  }
  if (lost > 0) note(fmt::format("{} bytes for the console were dropped: it was lost", lost));
}

void ConsoleRecorder::hold_open() {
  Millis pause = pace_.first_pause;
  std::string told;
  const OpenConsole how{.silence = pace_.silence, .on_note = [this](const std::string& text) { note(text); }};
  while (!stop_.requested()) {
    auto source = open_console(access_, how, Deadline::after(pace_.opening, &stop_));
    if (source) {
      note("console open");
      told.clear();
      set_open(true, {});
      const auto since = Deadline::Clock::now();
      const Error lost = serve(**source);
      recording_->end_line();
      if (stop_.requested()) (*source)->close();
      source = lost;  // lets the console go
      // One that keeps being lost at once, to somebody who wants it as well, is not fought over at full speed.
      if (Deadline::Clock::now() - since > pace_.longest_pause) pause = pace_.first_pause;
    }
    if (stop_.requested()) break;
    set_open(false, source.error().what);
    if (const std::string& what = source.error().what; what != std::exchange(told, what)) {
      note("console lost: " + what);
    }
    if (wait_until(Deadline::after(pause, &stop_)) == Wake::kStopped) break;
    pause = std::min(pause * 2, pace_.longest_pause);
  }
  set_open(false, "it is no longer recorded");
  recording_->end();
}

/// Until the console is lost, or the stop.
Error ConsoleRecorder::serve(ConsoleSource& source) {
  while (true) {
    std::array<pollfd, 3> fds{
        {{.fd = source.fd(), .events = static_cast<short>(wire_.empty() ? POLLIN : POLLIN | POLLOUT), .revents = 0},
         {.fd = wake_.get(), .events = POLLIN, .revents = 0},
         {.fd = stop_.fd(), .events = POLLIN, .revents = 0}}};
    ::poll(fds.data(), fds.size(), kLookEvery);
    uint64_t counted = 0;
    [[maybe_unused]] const auto taken = ::read(wake_.get(), &counted, sizeof counted);
    auto bytes = source.read();
    if (!bytes) return std::move(bytes).error();
    if (!bytes->empty()) {
      clients_->broadcast(*bytes);
      recording_->take(*bytes);
    }
    if (stop_.requested()) return wait_error(Wake::kStopped, "the console");
    if (auto spoken = speak(source); !spoken) return std::move(spoken).error();
  }
}

/// Writes as much as the console takes now.
Result<void> ConsoleRecorder::speak(ConsoleSource& source) {
  while (true) {
    while (!wire_.empty()) {
      const size_t wrote = TRY(write_some(source.fd(), wire_));
      if (wrote == 0) return {};
      wire_.erase(0, wrote);
    }
    Outgoing next;
    {
      const std::lock_guard lock(mutex_);
      said_ = std::max(said_, wire_number_);
      changed_.notify_all();
      if (outgoing_.empty()) return {};
      next = std::move(outgoing_.front());
      outgoing_.pop_front();
      outgoing_bytes_ -= next.bytes.size();
    }
    wire_number_ = next.number;
    wire_ = next.is_break ? TRY(source.make_break()) : source.encode(next.bytes);
  }
}

/// With the lock held.
uint64_t ConsoleRecorder::put(std::string_view bytes, bool is_break) {
  outgoing_.push_back({.number = ++last_put_, .bytes = std::string(bytes), .is_break = is_break});
  outgoing_bytes_ += bytes.size();
  const uint64_t one = 1;
  [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof one);
  return last_put_;
}

void ConsoleRecorder::from_client(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (open_ && outgoing_bytes_ + bytes.size() <= kOutgoingCap) {
      put(bytes, false);
      return;
    }
  }
  note(fmt::format("{} bytes that a client sent were dropped: the console does not take them now", bytes.size()));
}

Result<void> ConsoleRecorder::wait_open(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (!open_) {
    if (deadline.stopped()) return wait_error(Wake::kStopped, "open console");
    if (deadline.expired())
      return lab_error("console-lost", fmt::format("the console is not open: {}", closed_because_));
    changed_.wait_for(lock, std::min(deadline.remaining(), kStopLook));
  }
  return {};
}

/// `before`, a break if one is wanted, and `after`, with nothing of anybody else's between them.
Result<void> ConsoleRecorder::deliver(std::string_view before, bool with_break, std::string_view after,
                                      const Deadline& deadline) {
  TRY(wait_open(deadline));
  std::unique_lock lock(mutex_);
  const uint64_t first = last_put_ + 1;
  if (!before.empty()) put(before, false);
  if (with_break) put({}, true);
  if (!after.empty()) put(after, false);
  const uint64_t last = last_put_;
  while (said_ < last) {
    if (dropped_ >= last) return lab_error("console-lost", fmt::format("send to the console: {}", closed_because_));
    if (deadline.stopped() || deadline.expired()) {
      std::erase_if(outgoing_, [&](const Outgoing& item) {
        const bool ours = item.number >= first && item.number <= last;
        if (ours) outgoing_bytes_ -= item.bytes.size();
        return ours;
      });
      return wait_error(deadline.stopped() ? Wake::kStopped : Wake::kDeadline, "room on the console");
    }
    changed_.wait_for(lock, std::min(deadline.remaining(), kStopLook));
  }
  return {};
}

Result<void> ConsoleRecorder::send(std::string_view text, const Deadline& deadline) {
  return deliver(text, false, {}, deadline);
}

Result<void> ConsoleRecorder::send_sysrq(char key, const Deadline& deadline) {
  TRY(can_sysrq(access_));
  return deliver(access_.sysrq_word, access_.sysrq_word.empty(), std::string_view(&key, 1), deadline);
}

}  // namespace holdfast::lab
