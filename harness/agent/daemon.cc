// How does the agent run on a host that has a system of its own?
#include "harness/agent/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <optional>

#include "harness/agent/identity.h"
#include "harness/agent/server.h"
#include "harness/agent/unix_socket.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

void serve_connections(State& state, const Registry& registry, int listener, const Stop& stop) {
  while (wait_readable(listener, Deadline::never(&stop)) == Wake::kReady) {
    Fd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) continue;
    Channel channel(std::move(peer), Channel::Kind::kSocket);
    channel.wait_peer(Deadline::never(&stop));
    serve_peer(state, registry, channel);
  }
}

Result<void> run_as_daemon(const DaemonOptions& options) {
  const fs::path socket = fs::absolute(options.socket);
  const Stop stop = TRY(stop_on_termination());
  const Fd listener = TRY(listen_at(socket));
  // Who connects from now on waits in the backlog, so the caller may go on.
  if (options.detach) TRY(detach_from_caller());
  ::setsid();  // refused to the leader of a process group, as which it may go on
  listen_to_signals(stop);
  const fs::path work = socket.string() + ".files";
  State state(introduce(/*is_init=*/false, {}), Files(fs::absolute(options.files), work), &stop);
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
