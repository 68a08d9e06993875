// How are files given to a process of their own, which can be killed?
#include "harness/agent/holders.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "harness/agent/refusal.h"
#include "harness/agent/registry.h"

namespace holdfast::agent {
namespace {

constexpr size_t kMostHolders = 64;

/// What a child says once it has let go of everything that it was not given.
constexpr char kLetGo = '!';
/// How long it may take to close what is not its own.
constexpr Millis kLetGoLimit{10'000};

/// All descriptors that make up an open file.
void add_descriptors(const Held& held, std::vector<int>& descriptors) {
  descriptors.push_back(held.fd.get());
  for (const Fd& kept : held.keeps) descriptors.push_back(kept.get());
  for (const auto& [index, eventfds] : held.irqs) {
    for (const Fd& eventfd : eventfds) descriptors.push_back(eventfd.get());
  }
}

/// The child's whole life. `keep` is ordered, and `lifeline` is in it. Only async-signal-safe calls.
[[noreturn]] void hold_until_alone(const int* keep, size_t count, int lifeline) {
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  unsigned from = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto kept = static_cast<unsigned>(keep[i]);
    if (kept > from) ::close_range(from, kept - 1, 0);
    from = kept + 1;
  }
  ::close_range(from, UINT_MAX, 0);
  char word = kLetGo;
  if (::write(lifeline, &word, 1) != 1) ::_exit(1);
  ssize_t got = 0;
  do {
    got = ::read(lifeline, &word, 1);
  } while (got > 0 || (got < 0 && errno == EINTR));
  ::_exit(0);
}

Result<wire::HolderStartReply> start_holder(State& state, const wire::HolderStart& request) {
  return wire::HolderStartReply{.holder = TRY(state.holders.start(state.handles, request.handles))};
}

Result<wire::Empty> kill_holder(State& state, const wire::HolderKill& request) {
  TRY(state.holders.kill(request.holder, state.deadline(request.wait_ms)));
  return wire::Empty{};
}

}  // namespace

Result<wire::HolderId> Holders::start(Handles& handles, const std::vector<wire::Handle>& which) {
  if (running_.size() >= kMostHolders) return bad_request(fmt::format("there are {} holders already", running_.size()));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("make a socket pair", errno);
  }
  Fd ours(ends[0]);
  Fd theirs(ends[1]);

  std::vector<int> keep{theirs.get()};
  for (const wire::Handle handle : which) {
    if (std::ranges::count(which, handle) != 1) return bad_request(fmt::format("handle {} is named twice", handle));
    add_descriptors(*TRY(handles.find(handle)), keep);
  }
  std::ranges::sort(keep);

  const pid_t child = ::fork();
  if (child < 0) return system_error("start a child process", errno);
  if (child == 0) hold_until_alone(keep.data(), keep.size(), theirs.get());
  theirs.reset();
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  // Until it has let go of our descriptors, closing one of them here would release nothing.
  char word = 0;
  const bool spoke = wait_readable(ours.get(), Deadline::after(kLetGoLimit)) == Wake::kReady;
  if (!pidfd || !spoke || ::read(ours.get(), &word, 1) != 1 || word != kLetGo) {
    ::kill(child, SIGKILL);
    return system_error("start a child process", ECHILD);
  }
  for (const wire::Handle handle : which) TRY(handles.close(handle));
  running_.emplace(next_, Process{.lifeline = std::move(ours), .pidfd = std::move(pidfd)});
  return next_++;
}

Result<void> Holders::kill(wire::HolderId holder, const Deadline& deadline) {
  const auto found = running_.find(holder);
  if (found == running_.end()) return bad_request(fmt::format("there is no holder {}", holder));
  const int pidfd = found->second.pidfd.get();
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);  // in vain when it is gone already
  // A process counts as ended when its files have been closed. Source: do_exit() in kernel/exit.c of Linux 7.3.
  if (wait_readable(pidfd, deadline) != Wake::kReady) {
    return kernel_refused_because(
        fmt::format("kill holder {}: EBUSY (the kernel is still closing what it held)", holder), EBUSY);
  }
  siginfo_t ended{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &ended, WEXITED | WNOHANG);  // where SIGCHLD is not ignored
  running_.erase(found);
  return {};
}

void Holders::kill_all(const Deadline& deadline) {
  for (auto& [holder, process] : running_) ::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
  while (!running_.empty()) {
    const wire::HolderId holder = running_.begin()->first;
    if (!kill(holder, deadline)) running_.erase(holder);  // it was killed; when it is gone is up to the kernel
  }
}

void add_holder_verbs(Registry& registry) {
  registry.add(start_holder);
  registry.add(kill_holder);
}

}  // namespace holdfast::agent
