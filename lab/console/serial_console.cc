// How is a console recorded whose machine brings a socket each time it is powered on?
#include "lab/console/serial_console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr size_t kPiece = 65536;
constexpr Millis kLastWords{500};  // for bytes on their way when the machine has ended

}  // namespace

Result<std::unique_ptr<SerialConsole>> SerialConsole::create(const ConsoleLogs& logs) {
  auto recording = TRY(Recording::create(logs));
  return std::unique_ptr<SerialConsole>(new SerialConsole(std::move(recording)));
}

SerialConsole::~SerialConsole() { detach(); }

Result<void> SerialConsole::attach(Fd socket, std::string_view before) {
  detach();
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("make the console non-blocking", errno);
  }
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return system_error("make an eventfd for the console", errno);
  socket_ = std::move(socket);
  wake_ = std::move(wake);
  recording_->begin();
  if (!before.empty()) recording_->take(before);
  reader_ = std::thread([this] { read_until_ended(); });
  return {};
}

void SerialConsole::detach() {
  if (!reader_.joinable()) return;
  recording_->wait_for_end(kLastWords);
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
      recording_->take(std::string_view(piece.data(), static_cast<size_t>(got)));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      break;
    }
  }
  recording_->end();
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
