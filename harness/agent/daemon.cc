// How does the agent run on a host that has a system of its own?
#include "harness/agent/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>

#include "harness/agent/identity.h"
#include "harness/agent/server.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

/// Connections beyond the one that is served wait here.
constexpr int kBacklog = 8;
/// How long a way out may take to restore drivers, when the kernel blocks.
constexpr Millis kRestorePatience{10'000};
/// How long it may wait for the kernel to close what a killed process held.
constexpr Millis kHolderPatience{5000};

/// What the signal handler asks to stop; set once, before the handler is.
const Stop* stop_on_signal = nullptr;

Result<Stop> stop_on_termination() {
  ::signal(SIGCHLD, SIG_IGN);  // the kernel reaps the children
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);  // the terminal that started the agent may go
  return Stop::create();
}

void listen_to_signals(const Stop& stop) {
  stop_on_signal = &stop;
  struct sigaction action{};
  action.sa_handler = [](int) { stop_on_signal->request(); };
  for (const int signal : {SIGTERM, SIGINT}) ::sigaction(signal, &action, nullptr);
}

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return usage_error(
        fmt::format("{} is longer than the {} bytes that a unix socket may have", text, sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

Result<Fd> unix_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("make a unix socket", errno);
  return fd;
}

/// A socket file that nobody listens at was left by an agent that was killed.
Result<void> remove_stale(const fs::path& path, const sockaddr_un& address) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode)) return usage_error(fmt::format("{} is there and no socket", path.string()));
  const Fd probe = TRY(unix_socket());
  const bool answered = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (answered || errno != ECONNREFUSED) {
    return usage_error(fmt::format("somebody listens at {} already", path.string()));
  }
  ::unlink(path.c_str());
  return {};
}

Result<Fd> listen_at(const fs::path& path) {
  const sockaddr_un address = TRY(address_of(path));
  TRY(remove_stale(path, address));
  Fd fd = TRY(unix_socket());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int errnum = errno;
  ::umask(before);
  if (bound != 0) return system_error(fmt::format("bind a socket to {}", path.string()), errnum);
  if (::listen(fd.get(), kBacklog) != 0) return system_error(fmt::format("listen at {}", path.string()), errno);
  return fd;
}

/// Goes on in a child with a session of its own, no terminal, and nothing of the caller's open. The parent ends only
/// when the child has got that far: who started it may then kill the process group that it started.
Result<void> detach_from_caller() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  const Fd detached(ends[0]);
  Fd tell(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_error("start the daemon's process", errno);
  if (child > 0) {
    tell.reset();
    char word = 0;
    ::_exit(::read(detached.get(), &word, 1) == 1 ? 0 : 1);
  }
  ::setsid();
  const Fd null = TRY(open_file("/dev/null", O_RDWR));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), standard);
  return write_all(tell.get(), "!");
}

void serve_connections(State& state, const Registry& registry, int listener, const Stop& stop) {
  while (wait_readable(listener, Deadline::never(&stop)) == Wake::kReady) {
    Fd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) continue;
    Channel channel(std::move(peer), Channel::Kind::kSocket);
    channel.wait_peer(Deadline::never(&stop));
    serve_peer(state, registry, channel);
  }
}

}  // namespace

Result<void> run_as_daemon(const DaemonOptions& options) {
  const fs::path socket = fs::absolute(options.socket);
  const Stop stop = TRY(stop_on_termination());
  const Fd listener = TRY(listen_at(socket));
  // Who connects from now on waits in the backlog, so the caller may go on.
  if (options.detach) TRY(detach_from_caller());
  ::setsid();  // refused to the leader of a process group, as which it may go on
  listen_to_signals(stop);
  const fs::path work = socket.string() + ".files";
  State state(introduce(/*is_init=*/false, {}), Files("/holdfast/files", work), &stop);
  const Registry registry = all_verbs();
  while (!stop.requested()) {
    try {
      serve_connections(state, registry, listener.get(), stop);
    } catch (const std::exception& failed) {  // no memory, most likely; what is held must stay held
      say(failed.what());
    }
  }
  ::unlink(socket.c_str());
  state.busy.stop_all();
  state.handles.close_all();
  state.holders.kill_all(Deadline::after(kHolderPatience));
  state.liveupdate.reset();
  const auto restored = state.drivers.restore_all(Deadline::after(kRestorePatience));
  state.files.remove_work();
  if (!restored) return restored.error();
  return {};
}

}  // namespace holdfast::agent
