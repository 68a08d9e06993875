// How is a running QEMU asked about its state and told to end?
#include "lab/qemu/qmp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "harness/base/nesting.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

using nlohmann::json;

constexpr size_t kLineCap = size_t{16} << 20;
constexpr size_t kEventCap = 1000;
constexpr size_t kEventDataCap = size_t{64} << 10;  ///< what an event says of itself is a line or two
constexpr size_t kAnswerCap = 16;                   ///< answers that nobody waits for any more
constexpr int kDeepest = 64;

/// A JSON object, or null when the text is none, or nested deeper than any that QEMU sends.
json parse(std::string_view text) {
  if (nests_deeper_than(text, kDeepest)) return {};
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : json();
}

/// JSON text for logs and errors, whatever bytes are in its strings.
std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string text_at(const json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error not_qmp(std::string_view line) {
  return lab_error("qmp", "QEMU's control channel carries something that is not QMP")
      .with("line", printable(line.substr(0, 400)));
}

/// The three numbers in {"QMP": {"version": {"qemu": {"major": 7, ...}}}}.
std::string version_in(const json& greeting) {
  // Step by step: a pointer into the tree throws where there is a list on the way.
  const json* numbers = &greeting;
  for (const char* key : {"QMP", "version", "qemu"}) {
    const auto found = numbers->find(key);
    if (found == numbers->end()) return "unknown";
    numbers = &*found;
  }
  const auto number = [&](const char* key) {
    const auto found = numbers->find(key);
    return found != numbers->end() && found->is_number_integer() ? found->get<int>() : 0;
  };
  return fmt::format("{}.{}.{}", number("major"), number("minor"), number("micro"));
}

/// As send(2); with the bytes goes a descriptor, if `fd` is one (unix(7), SCM_RIGHTS).
ssize_t send_with(int socket, std::string_view bytes, int fd) {
  iovec piece{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> room{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace

Result<Qmp> Qmp::open(Fd socket, const Deadline& deadline) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("make QEMU's control channel non-blocking", errno);
  }
  Qmp qmp(std::move(socket));
  const std::string line = TRY(qmp.next_answer("greeting from QEMU", deadline));
  const json greeting = parse(line);
  if (!greeting.contains("QMP")) return not_qmp(line);
  qmp.version_ = version_in(greeting);
  TRY(qmp.execute("qmp_capabilities", {}, deadline));
  return qmp;
}

Result<std::string> Qmp::execute(std::string_view command, std::string_view arguments, const Deadline& deadline) {
  return execute(command, arguments, -1, deadline);
}

Result<void> Qmp::give(std::string_view name, int fd, const Deadline& deadline) {
  TRY(execute("getfd", dump(json{{"fdname", name}}), fd, deadline));
  return {};
}

Result<std::string> Qmp::execute(std::string_view command, std::string_view arguments, int fd,
                                 const Deadline& deadline) {
  const unsigned id = next_id_++;
  json request{{"execute", command}, {"id", id}};
  if (!arguments.empty()) request["arguments"] = parse(arguments);
  const std::string text = dump(request) + "\n";
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t sent = send_with(socket_.get(), rest, fd);
    if (sent >= 0) {
      fd = -1;
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      const Wake wake = wait_writable(socket_.get(), deadline);
      if (wake != Wake::kReady) return wait_error(wake, fmt::format("room for QEMU command {}", command));
    } else if (errno != EINTR) {
      return lab_error("qmp", fmt::format("send {} to QEMU: {}", command, errno_name(errno)));
    }
  }
  const std::string waited_for = fmt::format("answer from QEMU to {}", command);
  while (true) {
    const std::string line = TRY(next_answer(waited_for, deadline));
    const json answer = parse(line);
    if (answer.is_null()) return not_qmp(line);
    const auto its_id = answer.find("id");
    if (const auto error = answer.find("error"); error != answer.end()) {
      if (its_id != answer.end() && *its_id != id) continue;
      return lab_error("qmp", fmt::format("QEMU refused {}: {}", command, text_at(*error, "desc")));
    }
    // An answer to an earlier command, whose caller had stopped waiting, is dropped.
    if (its_id == answer.end() || *its_id != id) continue;
    return dump(answer.value("return", json::object()));
  }
}

Result<std::string> Qmp::status(const Deadline& deadline) {
  const std::string answer = TRY(execute("query-status", {}, deadline));
  return text_at(parse(answer), "status");
}

void Qmp::take_in() {
  // Line by line while it is read: what comes faster than it is asked for must not pile up.
  do {
    while (auto line = take_line()) {
      if (take_event(*line)) continue;
      if (answers_.size() == kAnswerCap) answers_.pop_front();
      answers_.push_back(std::move(*line));
    }
    if (ended_ || buffer_.size() > kLineCap) return;
  } while (wait_readable(socket_.get(), Deadline::after(Millis(0))) == Wake::kReady && read_some());
}

std::optional<Qmp::Event> Qmp::next_event() {
  take_in();
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Result<Qmp::Event> Qmp::await_event(const std::vector<std::string>& names, const Deadline& deadline) {
  while (true) {
    while (auto event = next_event()) {
      if (std::ranges::find(names, event->name) != names.end()) return *std::move(event);
    }
    const std::string waited_for = fmt::format("event {} from QEMU", join(names, " or "));
    if (buffer_.size() > kLineCap) return not_qmp(buffer_);
    if (ended_) return lab_error("qmp", fmt::format("no {}: it closed its control channel", waited_for));
    const Wake wake = wait_readable(socket_.get(), deadline);
    if (wake != Wake::kReady) return wait_error(wake, waited_for);
  }
}

Result<std::string> Qmp::next_answer(std::string_view waited_for, const Deadline& deadline) {
  while (true) {
    if (!answers_.empty()) {
      std::string answer = std::move(answers_.front());
      answers_.pop_front();
      return answer;
    }
    if (auto line = take_line()) {
      if (!take_event(*line)) return std::move(*line);
      continue;
    }
    if (buffer_.size() > kLineCap) return not_qmp(buffer_);
    if (ended_) return lab_error("qmp", fmt::format("no {}: it closed its control channel", waited_for));
    const Wake wake = wait_readable(socket_.get(), deadline);
    if (wake != Wake::kReady) return wait_error(wake, waited_for);
    read_some();
  }
}

bool Qmp::take_event(const std::string& line) {
  const json message = parse(line);
  Event event{.name = text_at(message, "event"), .data = {}};
  if (event.name.empty()) return false;
  const json data = message.value("data", json::object());
  event.data = dump(data);
  if (event.data.size() > kEventDataCap) event.data = "{}";
  if (event.name == "SHUTDOWN") shutdown_reason_ = text_at(data, "reason");
  if (events_.size() == kEventCap) events_.pop_front();
  events_.push_back(std::move(event));
  return true;
}

std::optional<std::string> Qmp::take_line() {
  while (true) {
    // Empty lines go at once.
    const size_t blank = scanned_ == 0 ? std::min(buffer_.find_first_not_of("\r\n"), buffer_.size()) : 0;
    buffer_.erase(0, blank);
    const size_t newline = buffer_.find('\n', scanned_);
    if (newline == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string line(trim(std::string_view(buffer_).substr(0, newline)));
    buffer_.erase(0, newline + 1);
    scanned_ = 0;
    if (!line.empty()) return line;
  }
}

bool Qmp::read_some() {
  std::array<char, 4096> piece;  // what is behind a line is moved when that is taken
  const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
  if (got > 0) {
    buffer_.append(piece.data(), static_cast<size_t>(got));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    ended_ = true;
  }
  return got > 0;
}

}  // namespace holdfast::lab
