// How do several programs on this computer share one console?
//
// broadcast() is called by the thread that records: it only adds to queues, and lets in who has connected by then, so
// that a client misses nothing. A thread of this object's own gives the queues out and hears what clients say.
#include "lab/console/console_clients.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "harness/base/file.h"
#include "lab/console/unix_address.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

constexpr Millis kLastWords{500};
constexpr int kWaiting = 16;  // who may be connecting at the same time

/// Only its owner may enter it: a socket's own mode comes a moment after the socket.
Result<void> make_private(const fs::path& folder) {
  if (!folder.parent_path().empty()) TRY(make_dirs(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return system_error(fmt::format("make folder {}", folder.string()), errno);
  struct stat there{};
  if (::stat(folder.c_str(), &there) != 0) return system_error(fmt::format("look at {}", folder.string()), errno);
  if (there.st_uid == ::geteuid() && (there.st_mode & 0077) == 0) return {};
  return system_error(fmt::format("put a console's socket into {}", folder.string()), EACCES)
      .because(fmt::format("others may enter it: chmod 700 {}", folder.string()));
}

Result<Fd> listen_at(const fs::path& socket) {
  TRY(make_private(socket.parent_path()));
  const UnixAddress address = TRY(UnixAddress::of(socket));
  ::unlink(socket.c_str());
  const auto failed = [&] { return system_error(fmt::format("listen at {}", socket.string()), errno); };
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listening || ::bind(listening.get(), address.get(), sizeof address.address) != 0) return failed();
  if (::chmod(socket.c_str(), 0600) != 0 || ::listen(listening.get(), kWaiting) != 0) return failed();
  return listening;
}

}  // namespace

Result<std::unique_ptr<ConsoleClients>> ConsoleClients::start(const fs::path& socket, Hooks hooks) {
  Stop stop = TRY(Stop::create());
  std::unique_ptr<ConsoleClients> made(new ConsoleClients(socket, std::move(hooks), std::move(stop)));
  made->listening_ = TRY(listen_at(socket));
  made->wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made->wake_) return system_error("make an eventfd for the console", errno);
  made->thread_ = std::thread([clients = made.get()] { clients->serve(); });
  return made;
}

ConsoleClients::ConsoleClients(fs::path socket, Hooks hooks, Stop stop)
    : socket_(std::move(socket)), hooks_(std::move(hooks)), stop_(std::move(stop)) {}

ConsoleClients::~ConsoleClients() {
  if (!thread_.joinable()) return;
  stop_.request();
  thread_.join();
  ::unlink(socket_.c_str());
}

void ConsoleClients::broadcast(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  admit();
  for (const auto& client : clients_) {
    if (!client->open) continue;
    client->owed.append(bytes);
    if (client->left() <= hooks_.backlog) continue;
    client->open = false;
    if (hooks_.on_note) hooks_.on_note("a client of the console did not read what it was given, and was let go");
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof one);
}

/// With the lock held, as the following ones.
void ConsoleClients::admit() {
  while (true) {
    Fd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    clients_.push_back(std::make_unique<Client>(Client{.fd = std::move(fd), .owed = {}}));
  }
}

void ConsoleClients::give(Client& client) {
  while (client.open && client.left() > 0) {
    const auto wrote = write_some(client.fd.get(), std::string_view(client.owed).substr(client.given));
    if (!wrote) client.open = false;
    if (!wrote || *wrote == 0) break;
    client.given += *wrote;
  }
  // Cut when half of it is gone, not at each piece: the cost per byte stays constant.
  if (client.given * 2 < client.owed.size()) return;
  client.owed.erase(0, client.given);
  client.given = 0;
}

std::vector<std::string> ConsoleClients::hear() {
  std::array<char, 4096> piece;
  std::vector<std::string> said;
  for (const auto& client : clients_) {
    if (!client->open) continue;
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): a socket that does not block
    const ssize_t got = ::recv(client->fd.get(), piece.data(), piece.size(), 0);
    if (got > 0) said.emplace_back(piece.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) client->open = false;
  }
  return said;
}

void ConsoleClients::forget_closed() {
  std::erase_if(clients_, [](const auto& client) { return !client->open; });
}

bool ConsoleClients::settled() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->left() == 0; });
}

void ConsoleClients::serve() {
  std::optional<Deadline> end;
  while (true) {
    std::vector<pollfd> fds{{.fd = listening_.get(), .events = POLLIN, .revents = 0},
                            {.fd = wake_.get(), .events = POLLIN, .revents = 0},
                            {.fd = end ? -1 : stop_.fd(), .events = POLLIN, .revents = 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& client : clients_) {
        const auto events = static_cast<short>(client->left() > 0 ? POLLIN | POLLOUT : POLLIN);
        fds.push_back({.fd = client->fd.get(), .events = events, .revents = 0});
      }
    }
    ::poll(fds.data(), fds.size(), end ? static_cast<int>(end->remaining().count()) : -1);
    uint64_t counted = 0;
    [[maybe_unused]] const auto taken = ::read(wake_.get(), &counted, sizeof counted);
    std::vector<std::string> said;
    {
      const std::lock_guard lock(mutex_);
      admit();
      for (const auto& client : clients_) give(*client);
      said = hear();
      forget_closed();
      if (stop_.requested() && !end) end = Deadline::after(kLastWords);
      if (end && (end->expired() || settled())) return;
    }
    for (const std::string& bytes : said) hooks_.on_input(bytes);
  }
}

Result<Fd> connect_console(const fs::path& socket) {
  const UnixAddress address = TRY(UnixAddress::of(socket));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("make a socket", errno);
  if (::connect(fd.get(), address.get(), sizeof address.address) != 0) {
    return system_error(fmt::format("connect to the console at {}", socket.string()), errno);
  }
  return fd;
}

}  // namespace holdfast::lab
