// How is one attempt at a case run in a process of its own?
#include "harness/case_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/base/withheld.h"
#include "harness/event_codec.h"
#include "harness/hold_point.h"

namespace holdfast {
namespace {

/// Above the case's own deadlines: it ends by itself unless the harness is broken.
constexpr Millis kMargin{30'000};
/// What a case may take to release its target after it was told to stop.
constexpr Millis kReleaseLimit{8'000};
constexpr size_t kLongestLine = size_t{8} << 20;

std::vector<std::string> argv_for(const Attempt& attempt, const RunSettings& settings, int events_fd) {
  std::vector<std::string> argv = settings.case_argv;
  const auto add = [&](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
  const std::string& target = attempt.where.target;
  std::ranges::copy(settings.of(target).case_argv, std::back_inserter(argv));
  add({"--timeout-scale", fmt::format("{}", settings.scale_of(target))});
  add({"--target", target, "--case", attempt.planned.info->full_name()});
  for (const Device& device : attempt.planned.devices) add({"--device", device.role});
  add({"--attempt", std::to_string(attempt.where.attempt), "--events-fd", std::to_string(events_fd), "--run-dir",
       settings.dir.string()});
  if (attempt.several_targets) add({"--several-targets"});
  if (attempt.custody != nullptr) std::ranges::copy(attempt.custody->case_argv(), std::back_inserter(argv));
  if (!settings.gtest_args.empty()) add({"--"});
  argv.insert(argv.end(), settings.gtest_args.begin(), settings.gtest_args.end());
  return argv;
}

/// Takes the stream of one case's process apart into events.
class Listener {
 public:
  Listener(EventSink& events, const std::string& suite) : events_(events), suite_(suite) {}

  void take(std::string_view bytes) {
    buffer_ += bytes;
    size_t start = 0;
    for (size_t end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n', start)) {
      line(std::string_view(buffer_).substr(start, end - start));
      start = end + 1;
    }
    buffer_.erase(0, start);
    if (buffer_.size() > kLongestLine) buffer_.clear();
  }
  std::optional<AttemptEnded>& ended() { return ended_; }
  std::string last_phase() const { return last_phase_; }

 private:
  void line(std::string_view text) {
    auto event = decode_event(text);
    if (!event) {
      events_.on(
          Note{Note::Level::kWarning, fmt::format("a case sent an event that cannot be read: {}", event.error().what)});
      return;
    }
    if (auto* ended = std::get_if<AttemptEnded>(&*event)) {
      ended_ = std::move(*ended);
      return;
    }
    if (auto* facts = std::get_if<SuiteFacts>(&*event)) facts->suite = suite_;  // the process knows its target only
    if (const auto* phase = std::get_if<PhaseStarted>(&*event)) last_phase_ = phase->phase;
    events_.on(*event);
  }

  EventSink& events_;
  const std::string& suite_;
  std::string buffer_;
  std::string last_phase_ = "start";
  std::optional<AttemptEnded> ended_;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// How the listening to a case's process ended.
enum class End { kClosed, kDeadline, kStopped, kLost };

/// Waits for the process to say something, or for what ends the waiting. kClosed: there is something to read.
End wait_for_words(int fd, const Deadline& deadline, const Stop* lost) {
  while (true) {
    const auto fd_of = [](const Stop* stop) { return stop != nullptr ? stop->fd() : -1; };
    std::array<pollfd, 3> fds{{{.fd = fd, .events = POLLIN, .revents = 0},
                               {.fd = fd_of(deadline.stop()), .events = POLLIN, .revents = 0},
                               {.fd = fd_of(lost), .events = POLLIN, .revents = 0}}};
    const auto timeout = static_cast<int>(std::min<Millis::rep>(deadline.remaining().count(), INT_MAX));
    const int count = ::poll(fds.data(), fds.size(), timeout);
    if (count > 0) return fds[2].revents != 0 ? End::kLost : fds[1].revents != 0 ? End::kStopped : End::kClosed;
    if (deadline.expired()) return End::kDeadline;
  }
}

/// Reads events until the process closes its end, or something else ends the listening.
End listen(int fd, Listener& listener, const Deadline& deadline, const Stop* lost) {
  std::array<char, 65536> piece;
  while (true) {
    if (const End end = wait_for_words(fd, deadline, lost); end != End::kClosed) return end;
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return End::kClosed;
    listener.take(std::string_view(piece.data(), static_cast<size_t>(got)));
  }
}

Error from_exit(const ExitStatus& status, const std::filesystem::path& log) {
  Error error =
      harness_error("case-died", fmt::format("the process of the case ended without a verdict: {}", status.describe()));
  if (auto text = read_file(log)) error = std::move(error).with("harness.log", printable(last_lines(*text, 60)));
  return error;
}

/// Of a process that could not tidy up. Nobody listens there any more.
void remove_sockets(const std::filesystem::path& dir) {
  std::error_code failed;
  std::vector<std::filesystem::path> sockets;
  for (auto at = std::filesystem::recursive_directory_iterator(dir, failed); !failed && at != end(at);
       at.increment(failed)) {
    std::error_code unknown;
    if (at->is_socket(unknown)) sockets.push_back(at->path());
  }
  for (const auto& socket : sockets) std::filesystem::remove(socket, failed);
}

/// Until when the process of a case may take: its own timeout, and a margin for ending by itself.
Deadline deadline_for(const Attempt& attempt, const Controller& controller) {
  const std::chrono::duration<double, std::milli> limit = attempt.planned.info->needs.timeout;
  const auto scaled = std::chrono::duration_cast<Millis>(limit * controller.settings.scale_of(attempt.where.target));
  return Deadline::after(scaled + kMargin, &controller.stop);
}

/// Waits for the end of the process, by force when it has to be, and says how the waiting ended.
End see_to_its_end(Process& process, Fd events, Listener& listener, const Deadline& deadline, const Stop* lost) {
  const End end = listen(events.get(), listener, deadline, lost);
  if (end == End::kStopped) {
    process.signal_group(SIGTERM);
    if (listen(events.get(), listener, Deadline::after(kReleaseLimit), lost) == End::kLost) return End::kLost;
  }
  // Who must not touch the machine gets no time to tidy it up.
  if (end == End::kLost) process.signal_group(SIGKILL);
  process.stop(end == End::kDeadline ? Millis(0) : kReleaseLimit);
  return end;
}

Result<AttemptEnded> attempt_in_process(const Attempt& attempt, const std::filesystem::path& dir, Listener& listener,
                                        const Controller& controller) {
  TRY(make_dirs(dir));
  const auto log = dir / "harness.log";
  const Fd output = TRY(open_file(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  Pipe pipe = TRY(make_pipe());
  const int events_fd = pipe.write_end.get();
  Process process = TRY(Process::start({.argv = argv_for(attempt, controller.settings, events_fd),
                                        .env = withheld_variables(),  // it reads the inventory's secrets itself
                                        .stdout_fd = output.get(),
                                        .stderr_fd = output.get(),
                                        .keep_fds = {events_fd}}));
  pipe.write_end.reset();
  const Stop* lost = attempt.custody != nullptr ? &attempt.custody->lost() : nullptr;
  const End end = see_to_its_end(process, std::move(pipe.read_end), listener, deadline_for(attempt, controller), lost);
  if (!listener.ended()) remove_sockets(dir);
  if (end == End::kLost) {
    return lab_error("lease-lost",
                     fmt::format("{} was lost while the case ran, in phase {}: it must not be touched any "
                                 "more, and what the case saw proves nothing",
                                 attempt.where.target, listener.last_phase()));
  }
  if (end == End::kDeadline) {
    return harness_error("case-hung", fmt::format("the case did not end within {} s and was killed; it was in phase {}",
                                                  attempt.planned.info->needs.timeout.count(), listener.last_phase()));
  }
  if (listener.ended()) return std::move(*listener.ended());
  if (end == End::kStopped) return wait_error(Wake::kStopped, "the case");
  return from_exit(process.stop(), log);
}

}  // namespace

AttemptEnded run_attempt(const Attempt& attempt, const Controller& controller) {
  const std::string dir = attempt_dir(attempt.where, attempt.several_targets);
  const auto began = Deadline::Clock::now();
  controller.events.on(CaseStarted{attempt.where});
  hold_at(attempt.where.id, "lease", &controller.stop);
  Listener listener(controller.events, attempt.suite);
  auto ended = attempt_in_process(attempt, controller.settings.dir / dir, listener, controller);
  AttemptEnded result;
  if (ended) {
    result = std::move(*ended);
  } else {
    result.verdict = Verdict::from(ended.error());
  }
  result.where = attempt.where;
  result.dir = dir;
  result.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  controller.events.on(result);
  return result;
}

void EventPipe::on(const Event& event) {
  if (!write_all(fd_, encode(event) + "\n")) ::raise(SIGTERM);
}

}  // namespace holdfast
