// How does somebody come between QEMU and the program that started it?
//
// holdfast gives QEMU listening sockets on which its own ends wait already. Here these are accepted, and QEMU gets
// others in their place; a child copies between the two. QEMU keeps its process id, which holdfast watches.
#include "tools/faults_matrix/relay.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "harness/base/fd.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::faults {
namespace {

constexpr size_t kFlood = size_t{24} << 20;

struct Address {
  sockaddr_un address{};
  socklen_t size = sizeof(sa_family_t);  ///< as bind() of unix(7) takes it for "any name"
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address); }
};

/// A listening end for QEMU and the end that waits on it.
struct Ends {
  Fd listening;
  Fd client;
};

std::optional<Ends> make_ends() {
  Ends ends{Fd(::socket(AF_UNIX, SOCK_STREAM, 0)), Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  Address any;
  any.address.sun_family = AF_UNIX;
  if (::bind(ends.listening.get(), any.get(), any.size) != 0 || ::listen(ends.listening.get(), 1) != 0) return {};
  any.size = sizeof any.address;
  if (::getsockname(ends.listening.get(), any.get(), &any.size) != 0) return {};
  if (::connect(ends.client.get(), any.get(), any.size) != 0) return {};
  return ends;
}

Address address_of(const std::filesystem::path& folder) {
  Address at;
  at.address.sun_family = AF_UNIX;
  const std::string path = (folder / "relay.sock").string();
  path.copy(at.address.sun_path, sizeof at.address.sun_path - 1);
  at.size = sizeof at.address;
  return at;
}

/// Both sides of one of QEMU's sockets.
struct Way {
  Fd user;  ///< holdfast's
  Fd qemu;
  bool open() const { return static_cast<bool>(user) && static_cast<bool>(qemu); }
  void cut() {
    user.reset();
    qemu.reset();
  }
};

/// Takes the socket of that name out of the arguments and puts another one there.
std::optional<Way> come_between(std::vector<std::string>& argv, const std::string& id) {
  const std::string begin = "socket,id=" + id + ",fd=";
  const auto found = std::ranges::find_if(argv, [&](const std::string& word) { return word.starts_with(begin); });
  if (found == argv.end()) return {};
  const size_t comma = found->find(',', begin.size());
  const auto number = parse_u64(found->substr(begin.size(), comma - begin.size()));
  auto ends = make_ends();
  if (!number || !ends) return {};
  const Fd listening(static_cast<int>(*number));
  Fd user(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!user) return {};
  *found = begin + std::to_string(ends->listening.release()) + found->substr(comma);
  return Way{.user = std::move(user), .qemu = std::move(ends->client)};
}

bool pass_on(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

class Relay {
 public:
  Relay(Way console, Way agent, Fd fault, Fd orders, std::filesystem::path obeyed)
      : console_(std::move(console)),
        agent_(std::move(agent)),
        fault_(std::move(fault)),
        orders_(std::move(orders)),
        obeyed_(std::move(obeyed)) {}

  void work() {
    while (console_.open() || agent_.open()) {
      std::array<pollfd, 6> fds{};
      const std::array<int, 6> numbers{console_.user.get(), console_.qemu.get(), agent_.user.get(),
                                       agent_.qemu.get(),   orders_.get(),       fault_.get()};
      for (size_t i = 0; i < fds.size(); ++i) fds.at(i) = {.fd = numbers.at(i), .events = POLLIN, .revents = 0};
      if (::poll(fds.data(), fds.size(), flood_ > 0 ? 1 : -1) < 0 && errno != EINTR) return;
      if (fds[4].revents != 0) obey();
      if (fds[0].revents != 0) copy(console_.user, console_.qemu, console_);
      if (fds[1].revents != 0 && console_.open()) from_console();
      if (fds[2].revents != 0 && agent_.open()) copy(agent_.user, agent_.qemu, agent_);
      if (fds[3].revents != 0 && agent_.open()) from_agent();
      if (fds[5].revents != 0) from_saboteur();
      if (flood_ > 0) flood();
    }
  }

 private:
  /// What is there; nothing at the end.
  std::optional<std::string_view> take(const Fd& from, Way& way) {
    const ssize_t got = ::recv(from.get(), piece_.data(), piece_.size(), 0);
    if (got > 0) return std::string_view(piece_.data(), static_cast<size_t>(got));
    if (got < 0 && errno == EINTR) return std::string_view();
    way.cut();
    return {};
  }
  void copy(const Fd& from, const Fd& to, Way& way) {
    const auto bytes = take(from, way);
    if (bytes && !pass_on(to.get(), *bytes)) way.cut();
  }
  void from_console() {
    const auto bytes = take(console_.qemu, console_);
    if (bytes && !silent_ && !pass_on(console_.user.get(), *bytes)) console_.cut();
  }
  void from_agent() {
    const auto bytes = take(agent_.qemu, agent_);
    if (!bytes) return;
    const bool passed = pass_on(agent_.user.get(), half_ ? bytes->substr(0, (bytes->size() + 1) / 2) : *bytes);
    if (half_ || !passed) agent_.cut();
  }
  void from_saboteur() {
    if (::recv(fault_.get(), piece_.data(), piece_.size(), 0) <= 0) return fault_.reset();
    static_cast<void>(write_file(obeyed_, ""));
  }
  void obey() {
    const ssize_t got = ::recv(orders_.get(), piece_.data(), piece_.size(), 0);
    const std::string_view what(piece_.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (what == "cut") agent_.cut();
    if (what == "half") half_ = true;
    if (what == "silence") silent_ = true;
    if (what == "flood") flood_ = kFlood;
    if (what == "kill-agent") pass_on(fault_.get(), "k");
    if (what == "stop-agent") pass_on(fault_.get(), "s");
  }
  void flood() {
    static const std::string noise = [] {
      std::string text;
      for (size_t i = 0; text.size() < 32768; ++i) text += "\x1b[3" + std::to_string(i % 8) + "m flood \xff\xfe\r\n";
      return text;
    }();
    const ssize_t sent = ::send(console_.user.get(), noise.data(), noise.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) flood_ = 0;
    if (sent > 0) flood_ -= std::min(flood_, static_cast<size_t>(sent));
  }

  Way console_;
  Way agent_;
  Fd fault_;
  Fd orders_;
  const std::filesystem::path obeyed_;
  bool half_ = false;
  bool silent_ = false;
  size_t flood_ = 0;
  std::array<char, 65536> piece_{};
};

Fd listen_for_orders(const std::filesystem::path& folder) {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Address at = address_of(folder);
  ::unlink(at.address.sun_path);
  if (::bind(fd.get(), at.get(), at.size) != 0) fd.reset();
  return fd;
}

/// Whatever else QEMU was given is not to stay open when QEMU ends.
void close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  unsigned from = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > from) ::close_range(from, number - 1, 0);
    from = number + 1;
  }
  ::close_range(from, ~0U, 0);
}

int exec(const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  std::perror("relay: exec");
  return 127;
}

}  // namespace

int become_qemu(std::vector<std::string> argv, const std::filesystem::path& folder) {
  auto console = come_between(argv, "console");
  auto agent = come_between(argv, "agent");
  auto fault = make_ends();
  if (!console || !agent || !fault) return exec(argv);  // no machine of a case
  Fd orders = listen_for_orders(folder);
  argv.insert(argv.end(),
              {"-chardev", "socket,id=fault,fd=" + std::to_string(fault->listening.get()) + ",server=on,wait=off",
               "-device", "virtserialport,chardev=fault,name=holdfast.fault"});
  const pid_t child = ::fork();
  if (child < 0) return 127;
  if (child > 0) return exec(argv);
  // It ends when its sockets do, and with the group of QEMU: the last bytes of a machine that ends are passed on.
  ::signal(SIGTERM, SIG_IGN);
  close_all_but({console->user.get(), console->qemu.get(), agent->user.get(), agent->qemu.get(), fault->client.get(),
                 orders.get()});
  Relay(*std::move(console), *std::move(agent), std::move(fault->client), std::move(orders), folder / kObeyed).work();
  ::_exit(0);
}

bool order(const std::filesystem::path& folder, std::string_view what) {
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Address at = address_of(folder);
  return ::sendto(fd.get(), what.data(), what.size(), 0, at.get(), at.size) == static_cast<ssize_t>(what.size());
}

}  // namespace holdfast::faults
